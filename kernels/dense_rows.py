"""Impacts of a frequent term as a plain array over all documents, for SIMD.

A term that a tenth of the documents have costs less when its row of bytes is added to all scores,
64 documents an instruction or two, than when its postings are scattered. Rows are made when a
query first needs them and live in memory only; on disk these lists are bitmaps. The largest impact
of each block of 64 documents comes with the row.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from lsr.kernels.postings import (
    RANGE_SIZE,
    Postings,
    impacts_of_list,
    is_bitmap,
    n_ranges,
    offsets_of_list,
)

BLOCK_SIZE = 64
"""Documents of a block; a vector operation covers one."""


class DenseRows(NamedTuple):
    """Rows of a segment's frequent terms; those that no query has needed yet are zero.

    Attributes:
        numbers: shape (n_terms,), row of each term, -1 for a term without one.
        impacts: shape (n_rows, n_ranges * RANGE_SIZE), 0 where a document lacks the term.
        block_max: shape (n_rows, n_ranges * RANGE_SIZE / BLOCK_SIZE).
    """

    numbers: NDArray[np.int32]
    impacts: NDArray[np.uint8]
    block_max: NDArray[np.uint8]


def dense_terms_reference(postings: Postings, n_docs: int, n_terms: int) -> NDArray[np.bool_]:
    """Say in NumPy what `dense_terms` must return."""
    is_dense = np.zeros(n_terms, dtype=bool)
    for number in range(n_ranges(n_docs)):
        starts = postings.list_starts[number :: n_ranges(n_docs)].astype(np.int64)
        in_range = min(RANGE_SIZE, n_docs - number * RANGE_SIZE)
        is_dense |= np.diff(starts) > in_range // 10
    return is_dense


def empty_rows(postings: Postings, n_docs: int, n_terms: int) -> DenseRows:
    """Return the rows of all terms that are a bitmap in any range, not filled in yet.

    The memory is only reserved: the system gives it when a row is filled.
    """
    is_dense = np.zeros(n_terms, dtype=np.bool_)
    _mark_dense(postings, n_docs, n_terms, is_dense)
    n_rows, width = int(np.count_nonzero(is_dense)), n_ranges(n_docs) * RANGE_SIZE
    numbers = np.where(is_dense, np.cumsum(is_dense) - 1, -1).astype(np.int32)
    return DenseRows(
        numbers,
        np.zeros((n_rows, width), dtype=np.uint8),
        np.zeros((n_rows, width // BLOCK_SIZE), dtype=np.uint8),
    )


def document_frequencies(postings: Postings, n_docs: int, n_terms: int) -> NDArray[np.uint32]:
    """Return how many documents have each term, shape (n_terms,)."""
    starts = postings.list_starts.reshape(n_terms + 1, n_ranges(n_docs))
    return (starts[1:] - starts[:-1]).sum(axis=1, dtype=np.uint32)


def fill_row(rows: DenseRows, postings: Postings, n_docs: int, term: int) -> None:
    """Fill in the row of a term; doing it twice, or in two threads at once, does no harm."""
    scratch = np.empty(RANGE_SIZE, dtype=np.uint16)
    number = rows.numbers[term]
    _fill_row(postings, n_docs, term, scratch, rows.impacts[number], rows.block_max[number])


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _mark_dense(postings: Postings, n_docs: int, n_terms: int, is_dense: NDArray[np.bool_]) -> None:
    n_ranges = postings.range_lists.size - 1
    for term in range(n_terms):
        for number in range(n_ranges):
            place = term * n_ranges + number
            begin, end = postings.list_starts[place], postings.list_starts[place + n_ranges]
            in_range = min(RANGE_SIZE, n_docs - number * RANGE_SIZE)
            if is_bitmap(np.int64(end) - np.int64(begin), in_range):
                is_dense[term] = True


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _fill_row(
    postings: Postings,
    n_docs: int,
    term: int,
    scratch: NDArray[np.uint16],
    row: NDArray[np.uint8],
    block_max: NDArray[np.uint8],
) -> None:
    for number in range((n_docs + RANGE_SIZE - 1) // RANGE_SIZE):
        begin = number * RANGE_SIZE
        in_range = min(RANGE_SIZE, n_docs - begin)
        offsets = offsets_of_list(postings, number, term, in_range, scratch)
        impacts = impacts_of_list(postings, number, term)
        for position in range(offsets.size):
            doc = begin + np.int64(offsets[position])
            row[doc] = impacts[position]
            block_max[doc // BLOCK_SIZE] = max(block_max[doc // BLOCK_SIZE], impacts[position])
