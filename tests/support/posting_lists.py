"""Posting lists of whole collections in memory, for tests of kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.kernels.postings import RANGE_SIZE, Postings
from lsr.kernels.range_coding import encode_range, list_maxima


def postings_of(
    indptr: NDArray[np.int64], terms: NDArray[np.uint32], impacts: NDArray[Any], n_terms: int
) -> Postings:
    """Encode CSR documents range by range and lay the ranges end to end."""
    ranges = []
    for first in range(0, indptr.size - 1, RANGE_SIZE):
        rows = indptr[first : first + RANGE_SIZE + 1]
        span = slice(rows[0], rows[-1])
        ranges.append(encode_range(rows - rows[0], terms[span], impacts[span], n_terms))
    return Postings(
        np.array([one.list_starts for one in ranges]).T.ravel(),
        np.array([one.offset_starts for one in ranges]).T.ravel(),
        np.cumsum([0, *(one.impacts.size for one in ranges)]),
        np.cumsum([0, *(one.doc_offsets.size for one in ranges)]),
        np.concatenate([one.doc_offsets for one in ranges]),
        np.concatenate([one.impacts for one in ranges]),
        np.array([list_maxima(one) for one in ranges]).T.ravel(),
    )


def matrix_of(
    indptr: NDArray[np.int64], terms: NDArray[np.uint32], impacts: NDArray[Any], n_terms: int
) -> NDArray[Any]:
    """Write CSR documents out as a dense matrix of 64-bit values."""
    dtype = np.float64 if impacts.dtype == np.float32 else np.int64
    matrix = np.zeros((indptr.size - 1, n_terms), dtype=dtype)
    matrix[np.repeat(np.arange(indptr.size - 1), np.diff(indptr)), terms] = impacts
    return matrix
