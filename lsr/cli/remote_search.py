"""How does `lsr search --url` ask a service? As `lsr search --index` asks an index on this disk."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import typer

from lsr.cli.output import emit_json, note, stdout
from lsr.cli.question import question_as_json, question_in_words

if TYPE_CHECKING:
    from lsr.client import Client, RemoteHit
    from lsr.conversations import Question
    from lsr.hit_views import HitView
    from lsr.retrieval import Halves

_ADDRESS = re.compile(r"(https?://.+)/v1/indexes/([^/?#]+)/?")


def answer_by_service(
    address: str,
    question: Question | dict[str, float],
    k: int,
    *,
    where: str | None,
    alpha: float | None,
    approximation: dict[str, Any],
    explain: bool,
    json: bool,
) -> None:
    """Print the hits of one question, found by a service.

    Args:
        address: of the index, such as ``http://127.0.0.1:8080/v1/indexes/pets``.
        question: what to ask.
        k: hits.
        where: filter.
        alpha: share of the dense half.
        approximation: prune, bound_factor and max_ranges, as far as they are given.
        explain: say what each term adds to the scores.
        json: print JSON.
    """
    from lsr.client import Client

    found = _ADDRESS.fullmatch(address)
    if not found:
        raise typer.BadParameter(
            f"--url is {address!r}; give the address of an index, such as "
            "http://127.0.0.1:8080/v1/indexes/pets."
        )
    given: dict[str, Any] = {"where": where, "alpha": alpha, **approximation}
    options = {name: value for name, value in given.items() if value is not None}
    if not json:
        options |= {"explain": True, "highlight": True}
    with Client(found[1], unquote(found[2]), key=os.environ.get("LSR_API_KEY")) as client:
        started = time.perf_counter()
        hits = client.search(question, k, **options)
        elapsed_ms = (time.perf_counter() - started) * 1000
        if json:
            emit_json(
                {
                    "query": question_as_json(question),
                    "filter": where,
                    "approximation": approximation or None,
                    "alpha": alpha,
                    "elapsed_ms": round(elapsed_ms, 3),
                    "hits": [_as_json(client, question, hit, explain) for hit in hits],
                }
            )
            return
    from lsr.cli.rendering import render_hits

    render_hits(question_in_words(question), [_view(hit, explain) for hit in hits], stdout)
    if not hits:
        note("No document that may be a hit shares a term with the query.")


def _view(hit: RemoteHit, detailed: bool) -> HitView:
    from lsr.highlighting import Highlight
    from lsr.hit_views import Contribution, HitView, where_to_read_on

    passage = hit.details["passage"]
    return HitView(
        rank=hit.rank,
        score=hit.score,
        doc_id=hit.doc_id,
        title=hit.document.title,
        where=where_to_read_on(hit.document),
        highlight=Highlight(
            text=passage["text"],
            start=0,
            end=len(passage["text"]),
            spans=tuple((start, end) for start, end in passage["spans"]),
            is_first=passage["is_first"],
            is_last=passage["is_last"],
        ),
        contributions=[Contribution(**one) for one in hit.details.get("contributions", ())],
        detailed=detailed,
        halves=_halves(hit.details["halves"]) if "halves" in hit.details else None,
    )


def _halves(said: dict[str, dict[str, float]]) -> Halves:
    from lsr.retrieval import HalfScore, Halves

    return Halves(HalfScore(**said["sparse"]), HalfScore(**said["dense"]))


def _as_json(
    client: Client, question: Question | dict[str, float], hit: RemoteHit, explain: bool
) -> dict[str, Any]:
    result: dict[str, Any] = {
        "rank": hit.rank,
        "id": hit.doc_id,
        "score": hit.score,
        "document": hit.document.as_dict(),
    }
    if explain:
        shares = client.explain(question, hit.doc_id)["terms"]
        result["terms"] = [
            {name: value for name, value in one.items() if name not in ("typed", "in_document")}
            for one in shares
            if one["product"] > 0
        ]
        if "halves" in hit.details:
            result["halves"] = hit.details["halves"]
    return result
