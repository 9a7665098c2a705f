"""`lsr explain`: why a document has its score for a query, word by word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lsr.cli.output import JsonOption, PublishedIndexOption, QuietOption, emit, emit_json, set_quiet
from lsr.cli.question import (
    ConversationOption,
    VectorOption,
    parsed_question,
    question_as_json,
)

if TYPE_CHECKING:
    from lsr.retrieval import TermShare, WordExplanation, WordShare


def explain(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[QUERY] DOC_ID",
            help="The question, as text, unless an option gives it; and the id of a document.",
            show_default=False,
        ),
    ],
    index: PublishedIndexOption,
    conversation: ConversationOption = None,
    vector: VectorOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Print what each word adds to the score: its weight in the query and in the document.

    Word pieces stand below their word. A + before a term: the model added it to the query; before
    a document weight: the model added it to the document, whose text does not have it. Where
    documents were read passage by passage, what each passage adds comes last.

    Example: lsr explain "shortest path in a graph" heapq --index demo-index
    """
    from lsr.retrieval import Index, explain_in_words

    set_quiet(quiet)
    *texts, doc_id = words
    if len(texts) + sum(given is not None for given in (conversation, vector)) != 1:
        raise typer.BadParameter(
            "Give one question, a QUERY, --conversation or --vector, and one DOC_ID."
        )
    question = parsed_question(texts[0] if texts else None, conversation, vector)
    found = explain_in_words(Index.open(index), question, doc_id)
    if json:
        emit_json({"query": question_as_json(question), **found.as_dict()})
        return
    emit(f"{doc_id} scores {found.explanation.score:.4f}")
    emit(f"{'term':<24}{'query':>9}{'document':>10}{'product':>9}{'share':>8}")
    for row in found.words:
        for line in _lines(row, found):
            emit(line)
    if found.passages is not None:
        emit(f"{'characters':<24}{'':>19}{'product':>9}{'share':>8}")
        for one in found.passages:
            emit(f"{f'{one.start:,}-{one.end:,}':<24}{'':>19}{one.product:>9.3f}{one.share:>8.1%}")


def _lines(row: WordShare, found: WordExplanation) -> list[str]:
    """Return a row of the table, and its terms below it where they are not the word itself."""
    mark = "" if row.typed else "+"
    (first, *others) = row.terms
    if not others and row.word.casefold() == row.names[0].casefold():
        return [_line(mark + row.names[0], first, found)]
    head = f"{mark + row.word:<24}{'':>19}{row.product:>9.3f}{row.share:>8.1%}"
    return [
        head,
        *(
            _line(f"  {mark}{name}", one, found)
            for name, one in zip(row.names, row.terms, strict=True)
        ),
    ]


def _line(name: str, share: TermShare, found: WordExplanation) -> str:
    added = found.in_document is not None and share.term_id not in found.in_document
    weight = f"{'+' if added and share.document_weight else ''}{share.document_weight:.3f}"
    return (
        f"{name:<24}{share.query_weight:>9.3f}{weight:>10}{share.product:>9.3f}{share.share:>8.1%}"
    )
