"""`lsr explain`: why a document has its score for a query, term by term."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from lsr.cli.output import IndexOption, JsonOption, QuietOption, emit, emit_json, set_quiet
from lsr.cli.question import VectorOption, parsed_vector

if TYPE_CHECKING:
    from lsr.retrieval import Explanation, Index


def explain(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[QUERY] DOC_ID",
            help="The question, as text, unless --vector gives it; and the id of a document.",
            show_default=False,
        ),
    ],
    index: IndexOption,
    vector: VectorOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Print each query term's weight in the query and the document, and its share of the score.

    Terms that the model added to the query are marked with +.

    Example: lsr explain "shortest path in a graph" heapq --index demo-index
    """
    from lsr.retrieval import Index

    set_quiet(quiet)
    if vector is None and len(words) != 2:
        raise typer.BadParameter("Give a QUERY and a DOC_ID, or --vector and a DOC_ID.")
    if vector is not None and len(words) != 1:
        raise typer.BadParameter("With --vector, give a DOC_ID and nothing else.")
    doc_id = words[-1]
    question = words[0] if vector is None else parsed_vector(vector)
    opened = Index.open(index)
    explanation = opened.explain(question, doc_id)
    typed = _typed_terms(opened, question, explanation)
    if json:
        emit_json(
            {
                "query": question,
                "id": doc_id,
                "score": explanation.score,
                "terms": [
                    {**asdict(share), "typed": share.term_id in typed}
                    for share in explanation.terms
                ],
            }
        )
        return
    emit(f"{doc_id} scores {explanation.score:.4f}")
    emit(f"{'term':<24}{'query':>9}{'document':>10}{'product':>9}{'share':>8}")
    for share in explanation.terms:
        mark = "" if share.term_id in typed else "+"
        emit(
            f"{mark + share.term:<24}{share.query_weight:>9.3f}{share.document_weight:>10.3f}"
            f"{share.product:>9.3f}{share.share:>8.1%}"
        )


def _typed_terms(
    index: Index, question: str | Mapping[str, float], explanation: Explanation
) -> set[int]:
    """Return the terms that the user wrote; a vector holds no others, and needs no model."""
    terms = {share.term_id for share in explanation.terms}
    if not isinstance(question, str):
        return terms
    return terms & {term for term, _, _ in index.encoder.term_spans(question)}
