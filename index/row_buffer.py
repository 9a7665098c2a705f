"""Where do documents wait until a range is full? As rows in two arrays that grow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lsr.kernels.postings import RANGE_SIZE

Rows = tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[Any]]
"""Documents in CSR form: indptr, terms, and impacts or weights."""

_FIRST_CAPACITY = 1 << 12


class RowBuffer:
    """The rows of at most one range of documents.

    Args:
        dtype: type of the impacts or weights.
    """

    def __init__(self, dtype: DTypeLike) -> None:
        self.n_docs = 0
        self._indptr = np.zeros(RANGE_SIZE + 1, dtype=np.int64)
        self._terms = np.empty(_FIRST_CAPACITY, dtype=np.uint32)
        self._values = np.empty(_FIRST_CAPACITY, dtype=dtype)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the impacts or weights."""
        return self._values.dtype

    @property
    def n_postings(self) -> int:
        """Number of impacts or weights."""
        return int(self._indptr[self.n_docs])

    @property
    def size_bytes(self) -> int:
        """Memory that the rows take."""
        return self.n_postings * (self._terms.itemsize + self._values.itemsize)

    @property
    def is_full(self) -> bool:
        """Whether the range is complete."""
        return self.n_docs == RANGE_SIZE

    @property
    def rows(self) -> Rows:
        """The rows, as views."""
        end = self.n_postings
        return self._indptr[: self.n_docs + 1], self._terms[:end], self._values[:end]

    def append(
        self, indptr: NDArray[np.int64], terms: NDArray[np.uint32], values: NDArray[Any]
    ) -> None:
        """Append rows, no more than there is room for; `indptr` begins at 0."""
        begin, end = self.n_postings, self.n_postings + terms.size
        if end > self._terms.size:
            capacity = max(end, 2 * self._terms.size)
            self._terms = _grown(self._terms, begin, capacity)
            self._values = _grown(self._values, begin, capacity)
        self._terms[begin:end] = terms
        self._values[begin:end] = values
        n_docs = self.n_docs + indptr.size - 1
        self._indptr[self.n_docs + 1 : n_docs + 1] = indptr[1:] + begin
        self.n_docs = n_docs

    def clear(self) -> None:
        """Forget the rows and keep the memory."""
        self.n_docs = 0


def _grown(values: NDArray[Any], n_used: int, capacity: int) -> NDArray[Any]:
    grown = np.empty(capacity, dtype=values.dtype)
    grown[:n_used] = values[:n_used]
    return grown
