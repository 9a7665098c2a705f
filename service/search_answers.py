"""What does a search answer? Its page of hits, with what was asked for of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lsr.conversations import Question
from lsr.hit_views import HitView, hit_views
from lsr.index import Approximation
from lsr.retrieval import Halves, Hit, Index
from lsr.service.search_messages import SearchRequest

MOST_NAMED = 10
"""Unknown terms that a warning names."""


@dataclass(slots=True)
class Times:
    """Seconds of each stage of a search, in their order."""

    queue: float = 0.0
    encode: float = 0.0
    score: float = 0.0
    fetch: float = 0.0

    def as_seconds(self) -> tuple[float, float, float, float]:
        """Return them in order."""
        return self.queue, self.encode, self.score, self.fetch

    def as_ms(self) -> dict[str, float]:
        """Return milliseconds by stage, and their sum."""
        stages = {"queue": self.queue, "encode": self.encode}
        stages |= {"score": self.score, "fetch": self.fetch}
        stages["total"] = sum(stages.values())
        return {stage: round(seconds * 1000, 3) for stage, seconds in stages.items()}


def page_of_hits(
    index: Index,
    question: Question | dict[str, float],
    found: Sequence[Hit],
    request: SearchRequest,
    approximation: Approximation,
) -> list[dict[str, Any]]:
    """Return the hits of a page as JSON values; see `SearchHit`.

    Args:
        index: where they were found.
        question: what was asked.
        found: hits from the first on, as many as the page needs.
        request: says which page, and what of each hit.
        approximation: what the search gave up.
    """
    page = found[request.offset : request.offset + request.k]
    views: Sequence[HitView | None] = [None] * len(page)
    if request.explain or request.highlight:
        views = hit_views(index, question, page, approximation=approximation)
    return [_hit(hit, view, request) for hit, view in zip(page, views, strict=True)]


def answer_values(
    name: str,
    index: Index,
    request: SearchRequest,
    hits: Sequence[dict[str, Any]],
    times: Times,
    *,
    has_more: bool = False,
    warnings: Sequence[str] = (),
) -> dict[str, Any]:
    """Return an answer as JSON values; see `SearchAnswer`."""
    return {
        "index": name,
        "commit": index.searcher.manifest.commit,
        "k": request.k,
        "offset": request.offset,
        "has_more": has_more,
        "took_ms": times.as_ms(),
        "warnings": warnings,
        "hits": hits,
    }


def unknown_terms(index: Index, vector: dict[str, float]) -> list[str]:
    """Return warnings about the terms of a vector that the index does not know."""
    vocabulary = index.searcher.vocabulary
    if not vocabulary.names:  # terms are numbers
        unknown = [
            term for term in vector if not term.isdecimal() or int(term) >= vocabulary.n_terms
        ]
    else:
        ids = vocabulary.lookup(list(vector))
        unknown = [term for term, number in zip(vector, ids.tolist(), strict=True) if number < 0]
    if not unknown:
        return []
    more = f" and {len(unknown) - MOST_NAMED} more" if len(unknown) > MOST_NAMED else ""
    named = ", ".join(repr(term[:64]) for term in unknown[:MOST_NAMED])
    return [f"The index does not know the terms {named}{more}; they are left out."]


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
    halves: Halves | None = hit.halves
    if halves is not None:
        answer["halves"] = asdict(halves)
    return answer
