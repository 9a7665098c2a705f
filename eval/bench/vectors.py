"""Which vectors does every engine get? The same impacts of the same documents, in one order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lsr.corpus import read_documents, read_queries
from lsr.errors import InvalidInputError
from lsr.index import Vocabulary
from lsr.index.quantization import ImpactQuantizer
from lsr.sparse import SparseBatch

BATCH = 4096
"""Documents copied at a time."""

ORDERS: dict[str, Callable[[SparseBatch], NDArray[np.int64] | None]] = {
    "natural": lambda vectors: None,
}
"""Document orders by name. Each function returns the old numbers in their new order, or None to
leave the documents as they are."""


def read_vectors(
    corpus: str, queries: str, *, n_docs: int | None = None, n_queries: int | None = None
) -> tuple[SparseBatch, SparseBatch]:
    """Read the vectors of documents and of queries, in one vocabulary.

    Queries without a term of the documents are left out: they cost nothing.

    Args:
        corpus: as `read_documents` takes it.
        queries: as `read_queries` takes it.
        n_docs: documents from the beginning; all by default.
        n_queries: queries from the beginning; all by default.

    Raises:
        InvalidInputError: there are texts where vectors are needed, or nothing is left.
    """
    vocabulary = Vocabulary.empty()
    parts: list[SparseBatch] = []
    n_read = 0
    for batch in read_documents(corpus):
        if batch.vectors is None:
            raise InvalidInputError(f"{corpus} holds texts; make vectors with lsr encode first.")
        parts.append(vocabulary.documents(batch.vectors, batch.vocabulary))
        n_read += len(batch.vectors)
        if n_docs is not None and n_read >= n_docs:
            break
    asked = read_queries(queries)
    if asked.vectors is None:
        raise InvalidInputError(f"{queries} holds texts; make vectors with lsr encode first.")
    known = vocabulary.queries(asked.vectors, asked.vocabulary)
    rows = np.flatnonzero(known.active_dims)[:n_queries].tolist()
    if not rows:
        raise InvalidInputError(f"No query of {queries} has a term of the documents of {corpus}.")
    vectors = SparseBatch.concatenate(parts)
    return vectors.slice(0, min(len(vectors), n_docs or len(vectors))), known.take(rows)


def as_impacts(vectors: SparseBatch) -> SparseBatch:
    """Round weights to integers from 1 to 255, the largest to 255 unless all are such already."""
    return replace(vectors, weights=_impacts(vectors.weights))


def as_integer_queries(queries: SparseBatch) -> SparseBatch:
    """Round the weights of each query as `as_impacts` does those of all documents."""
    weights = [_impacts(weights) for _, weights in queries.rows()]
    return replace(queries, weights=np.concatenate(weights))


def in_order(vectors: SparseBatch, order: NDArray[np.int64]) -> Iterator[SparseBatch]:
    """Yield the documents in another order, in batches.

    Args:
        vectors: documents.
        order: number of the document that comes first, of the second, and so on.
    """
    for start in range(0, len(vectors), BATCH):
        yield vectors.take(order[start : start + BATCH].tolist())


def _impacts(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    return ImpactQuantizer.for_weights(weights).quantize(weights).astype(np.float32)
