"""`lsr explain`: why a document has its score for a query, term by term."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from lsr.cli.output import IndexOption, JsonOption, QuietOption, emit, emit_json, set_quiet


def explain(
    query: Annotated[str, typer.Argument(help="The question, as text.")],
    doc_id: Annotated[str, typer.Argument(help="Id of a document.")],
    index: IndexOption,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Print each query term's weight in the query and the document, and its share of the score.

    Terms that the model added to the query are marked with +.

    Example: lsr explain "shortest path in a graph" heapq --index demo-index
    """
    from lsr.highlighting import term_origins
    from lsr.retrieval import Index

    set_quiet(quiet)
    opened = Index.open(index)
    explanation = opened.explain(query, doc_id)
    terms = [share.term_id for share in explanation.terms]
    typed = term_origins(query, terms, opened.encoder.term_spans)
    if json:
        emit_json(
            {
                "query": query,
                "id": doc_id,
                "score": explanation.score,
                "terms": [
                    {**asdict(share), "typed": typed[share.term_id]} for share in explanation.terms
                ],
            }
        )
        return
    emit(f"{doc_id} scores {explanation.score:.4f}")
    emit(f"{'term':<24}{'query':>9}{'document':>10}{'product':>9}{'share':>8}")
    for share in explanation.terms:
        mark = "" if typed[share.term_id] else "+"
        emit(
            f"{mark + share.term:<24}{share.query_weight:>9.3f}{share.document_weight:>10.3f}"
            f"{share.product:>9.3f}{share.share:>8.1%}"
        )
