"""What are the queries of a file? One batch of texts, conversations or vectors; distinct ids."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lsr.conversations import Conversation, Question, Role, Turn
from lsr.corpus.documents import read_batches
from lsr.corpus.ir_datasets_corpus import PREFIX
from lsr.corpus.records import HISTORY_FORM, QUERY_FORM, refuse
from lsr.documents import Document, DocumentBatch, QueryBatch
from lsr.errors import DuplicateIdError, InvalidInputError
from lsr.sparse import SparseBatch


def read_queries(source: str | Path) -> QueryBatch:
    """Read all queries of a file, of a BEIR folder or of standard input (``-``).

    Queries are BEIR's JSON lines, TSV of id and text, or vectors in the forms that
    `read_documents` takes; a JSON object may call its vector ``weights`` as well. One that has
    ``turns`` in place of a text is a conversation; see `lsr.conversations.Conversation.of`.

    Raises:
        DuplicateIdError: two queries have the same id.
        InvalidInputError: the file is missing, empty or damaged, or a line is bad.
    """
    if str(source).startswith(PREFIX):
        raise InvalidInputError(
            f"{str(source)!r} names a corpus; queries come from a file or a BEIR folder."
        )
    batches = list(read_batches(source, QUERY_FORM, refuse))
    queries = [query for batch in batches for query in batch.documents]
    _check_distinct(queries)
    vectors, vocabulary = _stacked_vectors(batches)
    return QueryBatch(
        [query.doc_id for query in queries],
        [_question(query) for query in queries],
        vectors,
        vocabulary,
    )


def read_histories(source: str | Path, queries: QueryBatch) -> dict[str, Conversation]:
    """Join queries that are texts with what was said before them.

    Args:
        source: a file of lines such as ``{"_id": ..., "history": [...]}``, whose turns, oldest
            first, are those that `lsr.conversations.Conversation.of` takes.
        queries: what the user said then.

    Returns:
        {query_id: conversation that ends with the query}, for the queries that `source` names.

    Raises:
        DuplicateIdError: two histories have the same id.
        InvalidInputError: the file is empty or damaged, or a line is bad.
    """
    batches = read_batches(source, HISTORY_FORM, refuse)
    histories = [history for batch in batches for history in batch.documents]
    _check_distinct(histories)
    texts = {
        query_id: question
        for query_id, question in zip(queries.query_ids, queries.questions, strict=True)
        if isinstance(question, str)
    }
    return {
        history.doc_id: _continued(history, texts[history.doc_id])
        for history in histories
        if history.doc_id in texts
    }


def _continued(history: Document, text: str) -> Conversation:
    turns = history.metadata["history"]
    if isinstance(turns, list):
        turns = [*turns, Turn(Role.USER, text)]
    return Conversation.of(turns, history.place)


def _question(query: Document) -> Question:
    turns = query.metadata.get("turns")
    if turns is None:
        return query.text
    if query.text:
        raise InvalidInputError(
            f"{query.place}: there are a text and turns, but a query is one of the two; leave one "
            "out."
        )
    return Conversation.of(turns, query.place)


def _check_distinct(queries: Sequence[Document]) -> None:
    places: dict[str, str] = {}
    for query in queries:
        if query.doc_id in places:
            raise DuplicateIdError(
                f"{query.place}: the query id {query.doc_id!r} was used before, at "
                f"{places[query.doc_id]}; give each query its own id."
            )
        places[query.doc_id] = query.place


def _stacked_vectors(
    batches: Sequence[DocumentBatch],
) -> tuple[SparseBatch | None, Sequence[str] | None]:
    """Stack the vectors of all batches, each of which may number its terms in its own way."""
    vectors = [batch.vectors for batch in batches if batch.vectors is not None]
    if not vectors:
        return None, None
    if batches[0].vocabulary is None:
        return SparseBatch.concatenate(vectors), None
    numbers: dict[str, int] = {}
    renamed = []
    for batch, own in zip(batches, vectors, strict=True):
        names = batch.vocabulary or []
        new_ids = np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)
        renamed.append(own.with_terms(new_ids, max(1, len(numbers))))
    return SparseBatch.concatenate(renamed), list(numbers)
