"""Impacts of a frequent term as a plain array over all documents, for SIMD.

A term that a tenth of the documents have costs less when its row of bytes is added to all scores,
64 documents an instruction or two, than when its postings are scattered. Rows are made when a
query first needs them and live in memory only; on disk these lists are bitmaps. The largest impact
of each part, an eighth of a block of 64 documents, comes with the row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lsr.kernels._compile import kernel
from lsr.kernels.lists import impacts_of_list, offsets_of_list
from lsr.kernels.postings import DENSE_SHARE, RANGE_SIZE, Postings, n_ranges
from lsr.kernels.vector import PARTS

BLOCK_SIZE = 64
"""Documents of a block; a vector operation covers one."""

PART_SIZE = BLOCK_SIZE // PARTS
"""Documents of a part of a block; a bound for all 64 lets four to five times the blocks pass."""


ROW_DOCS = 4_096
"""A row's length is a multiple of this: of what vector operations read at once, and a page."""


class DenseRows(NamedTuple):
    """Rows of a segment's frequent terms; those that no query has needed yet are zero.

    Attributes:
        numbers: shape (n_terms,), row of each term, -1 for a term without one.
        impacts: shape (n_rows, n_docs rounded up to ROW_DOCS), 0 where a document lacks the term.
        part_max: shape (n_rows, as many parts).
    """

    numbers: NDArray[np.int32]
    impacts: NDArray[np.uint8]
    part_max: NDArray[np.uint8]


def empty_rows(postings: Postings, n_docs: int, n_terms: int) -> DenseRows:
    """Return the rows of all terms that are a bitmap in any range, not filled in yet.

    The memory is only reserved: the system gives it as rows are filled, in pieces of up to 2 MB.
    """
    in_range = np.minimum(RANGE_SIZE, n_docs - RANGE_SIZE * np.arange(n_ranges(n_docs)))
    is_dense = (_list_sizes(postings, n_docs, n_terms) > in_range // DENSE_SHARE).any(axis=1)
    n_rows, width = int(np.count_nonzero(is_dense)), -(-n_docs // ROW_DOCS) * ROW_DOCS
    numbers = np.where(is_dense, np.cumsum(is_dense) - 1, -1).astype(np.int32)
    return DenseRows(
        numbers,
        np.zeros((n_rows, width), dtype=np.uint8),
        np.zeros((n_rows, width // PART_SIZE), dtype=np.uint8),
    )


def document_frequencies(postings: Postings, n_docs: int, n_terms: int) -> NDArray[np.uint32]:
    """Return how many documents have each term, shape (n_terms,)."""
    return _list_sizes(postings, n_docs, n_terms).sum(axis=1, dtype=np.uint32)


def fill_row(rows: DenseRows, postings: Postings, n_docs: int, term: int) -> None:
    """Fill in the row of a term; doing it twice, or in two threads at once, does no harm."""
    scratch = np.empty(RANGE_SIZE, dtype=np.uint16)
    number = rows.numbers[term]
    row = rows.impacts[number], rows.part_max[number]
    _fill_row(postings, n_docs, term, scratch, *row)


def _list_sizes(postings: Postings, n_docs: int, n_terms: int) -> NDArray[np.uint32]:
    """Return how many postings each list has, shape (n_terms, n_ranges)."""
    starts = postings.list_starts.reshape(n_terms + 1, n_ranges(n_docs))
    sizes: NDArray[np.uint32] = starts[1:] - starts[:-1]
    return sizes


@kernel
def _fill_row(
    postings: Postings,
    n_docs: int,
    term: int,
    scratch: NDArray[np.uint16],
    row: NDArray[np.uint8],
    part_max: NDArray[np.uint8],
) -> None:
    for number in range((n_docs + RANGE_SIZE - 1) // RANGE_SIZE):
        begin = number * RANGE_SIZE
        in_range = min(RANGE_SIZE, n_docs - begin)
        offsets = offsets_of_list(postings, number, term, in_range, scratch)
        impacts = impacts_of_list(postings, number, term)
        for position in range(offsets.size):
            doc = begin + np.int64(offsets[position])
            impact = impacts[position]
            row[doc] = impact
            part_max[doc // PART_SIZE] = max(part_max[doc // PART_SIZE], impact)
