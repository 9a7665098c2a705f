"""How are queries put to an index? As vectors for its sparse half, or for both of its halves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lsr.conversations import Question
from lsr.errors import InvalidInputError
from lsr.eval.datasets import Dataset
from lsr.retrieval import HybridQueries, Index
from lsr.sparse import SparseBatch


@dataclass(frozen=True, slots=True)
class Asked:
    """Queries, as an index takes them.

    Attributes:
        vectors: one a query, in the vocabulary of the index.
        encode: encodes a question once more, to be timed; None where queries came as vectors.
        retrieval: how documents are found by them, in words.
    """

    vectors: SparseBatch | HybridQueries
    encode: Callable[[Question], object] | None
    retrieval: str


def ask(index: Index, dataset: Dataset, alpha: float | None) -> Asked:
    """Encode the queries of a dataset.

    Args:
        index: knows the encoder, if queries are texts.
        dataset: whose queries.
        alpha: share of the dense half of the index; None to search the sparse half alone.

    Raises:
        ConfigError: `alpha` is given, and the index has no dense half.
        InvalidInputError: `alpha` is given, and the queries are vectors, or it is not from 0 to 1.
    """
    queries = dataset.queries
    if alpha is None:
        return Asked(
            index.vectors_of(queries),
            None if queries.vectors is not None else index.vector_of,
            "exact search over an inverted index of learned sparse vectors",
        )
    index.refuse_hybrid()
    if queries.vectors is not None:
        raise InvalidInputError(
            f"The queries of {dataset.name} are vectors, which have no dense half; a hybrid search "
            "needs texts."
        )
    return Asked(
        index.hybrid_queries(queries.questions, alpha),
        lambda question: index.hybrid_queries([question], alpha),
        "exact search over sparse and over dense vectors, scores of both scaled from 0 to 1 and "
        f"added, with a share of {alpha:g} for the dense ones",
    )
