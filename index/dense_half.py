"""How is the dense half of a segment kept and searched? As a row of floats a document, all read.

A row is a direction: it has the length 1, or 0 for a text without tokens, which is no answer to
anything. The score of a document is the inner product of its row and the query's.

Products of whole blocks come from BLAS, whose sums depend in their last bits on the shape of what
it is given. So they only say which documents may be among the best; the scores of those are summed
again in float64. Hence an answer is exact, equal rows have equal scores, and neither a batch, a
merge nor another processor changes an order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lsr.errors import InvalidInputError
from lsr.index.checked_array import CheckedArray

DENSE_ARRAY = "dense_vectors"
"""Name of the rows in their file, one after the other."""

BLOCK_DOCS = 16_384
"""Documents multiplied at once: products take 64 KB a query."""

EXACT_DOCS = 2_048
"""Documents scored again at once: 9 MB of float64 at 576 numbers a row."""

_TOLERANCE = 1e-3
"""By which a length may differ from 1: some models compute in 16 bits."""

Best = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Numbers of documents, best first, ties by lower number, and their scores."""


class DenseHalf:
    """The dense rows of a segment.

    Args:
        array: row after row.
        size: numbers in a row.
    """

    def __init__(self, array: CheckedArray, size: int) -> None:
        self._array = array
        self._size = size

    @property
    def n_values(self) -> int:
        """Numbers in all rows."""
        return len(self._array)

    def rows(self, begin: int, end: int) -> NDArray[np.float32]:
        """Return the rows of documents that follow each other, shape (end - begin, size).

        Raises:
            CorruptIndexError: one of them is damaged.
        """
        self._array.check(begin * self._size, end * self._size)
        return self._all_rows[begin:end]

    def scores(self, numbers: NDArray[np.int64], query: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the exact scores of documents, summed in float64.

        Args:
            numbers: shape (n_docs,).
            query: shape (size,).
        """
        self._array.check_spans(numbers * self._size, (numbers + 1) * self._size)
        wide = query.astype(np.float64)
        parts = [
            (self._all_rows[numbers[begin : begin + EXACT_DOCS]] * wide).sum(axis=1)
            for begin in range(0, numbers.size, EXACT_DOCS)
        ]
        return np.concatenate([np.empty(0), *parts])

    def best(
        self, queries: NDArray[np.float32], k: int, is_hidden: NDArray[np.bool_]
    ) -> list[Best]:
        """Return the best documents of each query; a row of zeros has none, and is none.

        Args:
            queries: shape (n_queries, size), rows of length 1 or 0.
            k: at least 1.
            is_hidden: shape (n_docs,), documents that are no hits.

        Raises:
            CorruptIndexError: a row is damaged.
        """
        asked = np.flatnonzero(queries.any(axis=1))
        n_docs = is_hidden.size
        found = {query: _Candidates(k, self._size) for query in asked.tolist()}
        for begin in range(0, n_docs if found else 0, BLOCK_DOCS):
            end = min(begin + BLOCK_DOCS, n_docs)
            rows = self.rows(begin, end)
            products = queries[asked] @ rows.T
            hidden = is_hidden[begin:end] | _are_empty(rows, products[0])
            products[:, hidden] = -np.inf
            for candidates, scores in zip(found.values(), products, strict=True):
                candidates.add(scores, begin)
        nothing = np.empty(0, dtype=np.int64)
        return [
            self._best_of(found[number].numbers if number in found else nothing, query, k)
            for number, query in enumerate(queries)
        ]

    def _best_of(self, numbers: NDArray[np.int64], query: NDArray[np.float32], k: int) -> Best:
        scores = self.scores(numbers, query)
        order = np.lexsort((numbers, -scores))[:k]
        return numbers[order], scores[order]

    @property
    def _all_rows(self) -> NDArray[np.float32]:
        rows: NDArray[np.float32] = self._array.values.reshape(-1, self._size)
        return rows


class _Candidates:
    """The documents that may be among the best `k` of a query, by what BLAS says.

    A float32 sum of n products of unit rows is wrong by n * 2^-24 at most, in whatever order it is
    made. So a document that is below the k-th best by more than twice of that is not among them.

    Args:
        k: at least 1.
        size: numbers in a row.
    """

    def __init__(self, k: int, size: int) -> None:
        self.numbers = np.empty(0, dtype=np.int64)
        self._scores = np.empty(0, dtype=np.float32)
        self._k = k
        # Four more for the rounding of the threshold itself, and of lengths.
        self._slack = (2 * size + 4) * 2.0**-24 * (1 + _TOLERANCE) ** 2
        self._threshold = -np.inf

    def add(self, scores: NDArray[np.float32], first: int) -> None:
        """Take in the scores of documents from number `first` on; -inf for those to leave out."""
        found = np.flatnonzero(scores > self._threshold)
        self.numbers = np.append(self.numbers, first + found)
        self._scores = np.append(self._scores, scores[found])
        if self.numbers.size > self._k:
            kth = np.partition(self._scores, -self._k)[-self._k]
            self._threshold = float(kth) - self._slack
            is_kept = self._scores > self._threshold
            self.numbers, self._scores = self.numbers[is_kept], self._scores[is_kept]


def checked_dense_rows(
    rows: NDArray[np.float32] | None, n_rows: int, size: int
) -> NDArray[np.float32]:
    """Hold rows to what an index stores and search relies on; see `DenseHalf`.

    Args:
        rows: shape (n_rows, size); None where there are none.
        n_rows: how many there must be.
        size: numbers in a row; 0 for none.

    Raises:
        InvalidInputError: their shape, type or length is another.
    """
    if rows is None:
        rows = np.empty((0 if size else n_rows, size), dtype=np.float32)
    if rows.shape != (n_rows, size) or rows.dtype != np.float32:
        raise InvalidInputError(
            f"The dense rows are {rows.dtype} of the shape {rows.shape}, but float32 of "
            f"{(n_rows, size)} belong here."
        )
    if size and not are_directions(rows):
        raise InvalidInputError(
            "A dense row has another length than 1, or 0 for a text without tokens; normalize "
            "the rows."
        )
    return rows


def are_directions(rows: NDArray[np.float32]) -> bool:
    """Say whether every row has the length 1, or 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return bool(((np.abs(lengths - 1) <= _TOLERANCE) | ~rows.any(axis=1)).all())


def _are_empty(rows: NDArray[np.float32], products: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Say which rows are all zeros, looking only where a product with any query is zero."""
    is_empty = products == 0
    suspects = np.flatnonzero(is_empty)
    is_empty[suspects] = ~rows[suspects].any(axis=1)
    return is_empty
