"""How does a query become a vector in the index's vocabulary? By encoding, or term by term."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lsr.conversations import Question, question_text
from lsr.encoders import Encoder
from lsr.errors import InvalidInputError, VocabularyMismatchError
from lsr.index import Vocabulary, VocabularyKind
from lsr.sparse import SparseBatch

QueryLike = Question | Mapping[str, float] | SparseBatch | Any


def encoded_questions(
    questions: Sequence[Question], encoder: Encoder, vocabulary: Vocabulary | None, path: Path
) -> SparseBatch:
    """Encode queries and bring their terms into the vocabulary of the index at `path`.

    Args:
        questions: the queries.
        encoder: their encoder.
        vocabulary: the index's; None before its first commit.
        path: named in errors.

    Raises:
        VocabularyMismatchError: the index numbers terms that the encoder does not know.
    """
    separator = encoder.separator
    vectors = encoder.encode_queries([question_text(one, separator) for one in questions])
    # Before its first commit, an index with an encoder is sure to take its vocabulary.
    if vocabulary is None or vocabulary.kind is VocabularyKind.MODEL:
        return vectors
    if vocabulary.kind is VocabularyKind.NAMES:
        return vocabulary.queries(vectors, encoder.tokens)
    if vocabulary.n_terms > len(encoder.tokens):
        raise VocabularyMismatchError(
            f"{path} numbers {vocabulary.n_terms:,} terms, but the model {encoder.model} "
            f"knows {len(encoder.tokens):,}: its vectors come from another model."
        )
    return vocabulary.queries(vectors, None)


def given_vector(query: QueryLike, vocabulary: Vocabulary) -> SparseBatch:
    """Bring one query that is not a text, but brings its weights, into an index's vocabulary.

    Raises:
        InvalidInputError: it is no vector, or more than one.
    """
    if isinstance(query, Mapping):
        return vocabulary.query({str(term): weight for term, weight in query.items()})
    if not isinstance(query, SparseBatch) and not hasattr(query, "shape"):
        raise InvalidInputError(
            "A query must be a text, a Conversation, a {term: weight} mapping or a sparse row, "
            f"not {type(query).__name__}."
        )
    batch = query if isinstance(query, SparseBatch) else SparseBatch.from_matrix(query)
    if len(batch) != 1:
        raise InvalidInputError(f"A query must be one vector, but {len(batch)} rows came.")
    return vocabulary.queries(batch, None)
