"""`lsr explain`: why a document has its score for a query, term by term."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from lsr.cli.output import IndexOption, JsonOption, QuietOption, emit, emit_json, set_quiet
from lsr.cli.question import (
    ConversationOption,
    VectorOption,
    parsed_question,
    question_as_json,
)
from lsr.conversations import Question, question_text

if TYPE_CHECKING:
    from lsr.retrieval import Explanation, Index


def explain(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[QUERY] DOC_ID",
            help="The question, as text, unless an option gives it; and the id of a document.",
            show_default=False,
        ),
    ],
    index: IndexOption,
    conversation: ConversationOption = None,
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
    *texts, doc_id = words
    if len(texts) + sum(given is not None for given in (conversation, vector)) != 1:
        raise typer.BadParameter(
            "Give one question, a QUERY, --conversation or --vector, and one DOC_ID."
        )
    question = parsed_question(texts[0] if texts else None, conversation, vector)
    opened = Index.open(index)
    explanation = opened.explain(question, doc_id)
    typed = _typed_terms(opened, question, explanation)
    if json:
        emit_json(
            {
                "query": question_as_json(question),
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
    index: Index, question: Question | Mapping[str, float], explanation: Explanation
) -> set[int]:
    """Return the terms that were said; a vector holds no others, and needs no model."""
    terms = {share.term_id for share in explanation.terms}
    if isinstance(question, Mapping):
        return terms
    read = question_text(question, index.encoder.separator)
    return terms & {term for term, _, _ in index.encoder.term_spans(read)}
