"""How is a search answered? Encode, score, fetch: on a thread, against one snapshot."""

from __future__ import annotations

import time
from typing import Any

from lsr.conversations import Conversation, Question
from lsr.hit_views import HitView, hit_views
from lsr.index import EXACT, Approximation
from lsr.pruning import PruneRule
from lsr.retrieval import Hit, HybridQueries, Index
from lsr.service.problems import FieldError, Problem
from lsr.service.search_messages import SearchRequest
from lsr.service.settings import Settings
from lsr.sparse import SparseBatch


def answered(name: str, index: Index, request: SearchRequest, settings: Settings) -> dict[str, Any]:
    """Return the answer to a search, as JSON values; see `SearchAnswer`.

    Raises:
        Problem: the request asks nothing, several things, or more hits than there may be.
        LsrError: the index cannot answer it.
    """
    question = _question(request)
    _refuse_deep_pages(request, settings)
    approximation = _approximation(request)
    started = time.perf_counter()
    vectors: SparseBatch | HybridQueries
    if request.alpha is None:
        vectors = index.vector_of(question)
    else:
        vectors = index.hybrid_queries([question], request.alpha)
    encoded = time.perf_counter()
    # One more than wanted says whether there is another page.
    rankings = index.rank(
        vectors, request.offset + request.k + 1, where=request.filter, approximation=approximation
    )
    scored = time.perf_counter()
    (found,) = index.hits(rankings)
    page = found[request.offset : request.offset + request.k]
    views = (
        hit_views(index, question, page, approximation=approximation)
        if request.explain or request.highlight
        else [None] * len(page)
    )
    hits = [_hit(hit, view, request) for hit, view in zip(page, views, strict=True)]
    fetched = time.perf_counter()
    return {
        "index": name,
        "commit": index.searcher.manifest.commit,
        "k": request.k,
        "offset": request.offset,
        "has_more": len(found) > request.offset + request.k,
        "took_ms": {
            "encode": _ms(encoded - started),
            "score": _ms(scored - encoded),
            "fetch": _ms(fetched - scored),
            "total": _ms(fetched - started),
        },
        "hits": hits,
    }


def _question(request: SearchRequest) -> Question | dict[str, float]:
    given = [
        name for name in ("query", "vector", "conversation") if getattr(request, name) is not None
    ]
    if len(given) != 1:
        detail = "Give one of 'query', 'vector' and 'conversation'."
        fields = [FieldError(name, "given beside another question") for name in given]
        raise Problem(422, "invalid-request", detail, errors=fields)
    if request.conversation is not None:
        return Conversation.of([turn.model_dump() for turn in request.conversation])
    question = request.query if request.vector is None else request.vector
    assert question is not None
    return question


def _refuse_deep_pages(request: SearchRequest, settings: Settings) -> None:
    if request.k > settings.max_k:
        detail = f"k is {request.k}, but at most {settings.max_k} hits are returned at once."
        raise Problem(422, "invalid-request", detail, errors=[FieldError("k", detail)])
    if request.offset + request.k > settings.deepest_hit:
        detail = f"offset and k go beyond hit {settings.deepest_hit}; narrow the search instead."
        raise Problem(422, "page-too-deep", detail, errors=[FieldError("offset", detail)])


def _approximation(request: SearchRequest) -> Approximation:
    if request.prune is None and request.bound_factor == 1 and request.max_ranges is None:
        return EXACT
    rule = PruneRule.parse(request.prune) if request.prune else None
    return Approximation(
        prune=rule, bound_factor=request.bound_factor, max_ranges=request.max_ranges
    )


def _hit(hit: Hit, view: HitView | None, request: SearchRequest) -> dict[str, Any]:
    answer: dict[str, Any] = {"rank": hit.rank, "id": hit.doc_id, "score": hit.score}
    if request.fields != []:
        stored = hit.document.as_dict()
        wanted = stored if request.fields is None else request.fields
        answer["document"] = {name: stored[name] for name in wanted if name in stored}
    if view is not None and request.highlight:
        highlight = view.highlight
        answer["passage"] = {
            "text": highlight.text,
            "spans": highlight.spans,
            "is_first": highlight.is_first,
            "is_last": highlight.is_last,
        }
    if view is not None and request.explain:
        answer["contributions"] = [one._asdict() for one in view.contributions]
    return answer


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
