"""Add what query terms contribute to the scores of a range of documents, or of its first ones.

    scores[d] += weight * impact(t, d)     for the documents d of the range that have the term t

The inner loops take four postings from one 8-byte and one 4-byte load (`vector.py`), and rows of
frequent terms 64 documents at a time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lsr.kernels._compile import kernel
from lsr.kernels.dense_rows import BLOCK_SIZE, DenseRows
from lsr.kernels.postings import RANGE_SIZE, Postings
from lsr.kernels.vector import (
    add_row_u32,
    add_u16,
    add_u32,
    load_u8,
    load_u16,
    load_u32,
    load_u64,
    prefetch,
)

PREFETCHED = 512
"""Postings of the next list that are asked for while one is added."""

_CACHE_LINE = 64


class Cursors(NamedTuple):
    """Where the lists of a query's terms lie in a range; begin equals end for an empty one.

    Attributes:
        offset_begin: shape (n_query_terms,), into the segment's doc_offsets.
        impact_begin: shape (n_query_terms,), into its impacts.
        n_postings: shape (n_query_terms,).
    """

    offset_begin: NDArray[np.int64]
    impact_begin: NDArray[np.int64]
    n_postings: NDArray[np.int64]


@kernel
def new_cursors(n_terms: int) -> Cursors:
    """Return the cursors of a query, all on empty lists."""
    return Cursors(
        np.zeros(n_terms, dtype=np.int64),
        np.zeros(n_terms, dtype=np.int64),
        np.zeros(n_terms, dtype=np.int64),
    )


@kernel
def seek(
    postings: Postings,
    number: int,
    terms: NDArray[np.int64],
    first: int,
    cursors: Cursors,
) -> None:
    """Place the cursors of ``terms[first:]``, which have no rows, on a range; prefetch its lists.

    Args:
        postings: posting lists of a segment.
        number: the range.
        terms: terms of the query.
        first: the first to place.
        cursors: to be placed.
    """
    n_ranges = postings.range_lists.size - 1
    for row in range(first, terms.size):
        place = terms[row] * n_ranges + number
        next_place = place + n_ranges
        offsets = postings.range_offsets[number] + np.int64(postings.offset_starts[place])
        impacts = postings.range_lists[number] + np.int64(postings.list_starts[place])
        size = np.int64(postings.list_starts[next_place]) - np.int64(postings.list_starts[place])
        cursors.offset_begin[row] = offsets
        cursors.impact_begin[row] = impacts
        cursors.n_postings[row] = size
        address = postings.doc_offsets.ctypes.data + 2 * offsets
        prefetch(address)
        prefetch(address + _CACHE_LINE)
        prefetch(postings.impacts.ctypes.data + impacts)


@kernel
def shorten(postings: Postings, first: int, end: int, cursors: Cursors) -> None:
    """Cut the lists from `first` on, which are those of a whole range, to its first documents.

    Args:
        postings: posting lists of a segment.
        first: the first list to cut.
        end: one past the last document, as an offset in the range.
        cursors: on the whole range.
    """
    for row in range(first, cursors.n_postings.size):
        offsets = postings.doc_offsets.ctypes.data + 2 * cursors.offset_begin[row]
        size = cursors.n_postings[row]
        # Most lists are spread evenly; what lies far behind is then not asked for.
        n_near = 2 * (size * end // RANGE_SIZE) + 32
        if n_near < size and np.int64(load_u16(offsets + 2 * n_near)) >= end:
            size = n_near
        place = np.int64(0)
        while size > 0:
            half = (size + 1) >> 1
            place += half * np.int64(np.int64(load_u16(offsets + 2 * (place + half - 1))) < end)
            size -= half
        cursors.n_postings[row] = place


@kernel
def score_range(
    postings: Postings,
    rows: DenseRows,
    row_numbers: NDArray[np.int64],
    weights: NDArray[np.int64],
    n_dense: int,
    cursors: Cursors,
    first_doc: int,
    end: int,
    scores: NDArray[np.uint32],
) -> None:
    """Write the exact scores of the first documents of a range to ``scores[:end]``.

    Args:
        postings: posting lists of a segment.
        rows: its rows.
        row_numbers: shape (n_query_terms,), row of each of the first `n_dense` terms.
        weights: shape (n_query_terms,), weight of each term; no score exceeds 32 bits.
        n_dense: terms with a row; they come first.
        cursors: the other terms' lists, of these documents.
        first_doc: document of the segment at offset 0.
        end: one past the last document.
        scores: shape (RANGE_SIZE,); written up to the end of the last block.
    """
    padded_end = (end + BLOCK_SIZE - 1) // BLOCK_SIZE * BLOCK_SIZE
    scores[:padded_end] = 0
    address = scores.ctypes.data
    for row in range(n_dense):
        impacts = rows.impacts.ctypes.data + row_numbers[row] * rows.impacts.shape[1] + first_doc
        for block in range(0, padded_end, BLOCK_SIZE):
            add_row_u32(address + 4 * block, impacts + block, weights[row])
    for row in range(n_dense, weights.size):
        prefetch_list(postings, cursors, row + 1)
        scatter_u32(postings, cursors, row, weights[row], address)


@kernel
def prefetch_list(postings: Postings, cursors: Cursors, row: int) -> None:
    """Ask for the beginning of a list, unless there is none."""
    if row >= cursors.n_postings.size:
        return
    size = min(cursors.n_postings[row], np.int64(PREFETCHED))
    offsets = postings.doc_offsets.ctypes.data + 2 * cursors.offset_begin[row]
    for byte in range(0, 2 * size, _CACHE_LINE):
        prefetch(offsets + byte)
    impacts = postings.impacts.ctypes.data + cursors.impact_begin[row]
    for byte in range(0, size, _CACHE_LINE):
        prefetch(impacts + byte)


@kernel
def scatter_u16(postings: Postings, cursors: Cursors, row: int, weight: int, scores: int) -> None:
    """Add a list to 16-bit scores at an address; the caller answers for their width."""
    offsets = postings.doc_offsets.ctypes.data + 2 * cursors.offset_begin[row]
    impacts = postings.impacts.ctypes.data + cursors.impact_begin[row]
    factor = np.uint64(weight)
    size = cursors.n_postings[row]
    position = np.int64(0)
    while position + 4 <= size:
        docs = load_u64(offsets + 2 * position)
        four = load_u32(impacts + position)
        position += 4
        for _ in range(4):
            add_u16(scores, docs & np.uint64(0xFFFF), (four & np.uint64(0xFF)) * factor)
            docs >>= np.uint64(16)
            four >>= np.uint64(8)
    while position < size:
        doc = load_u16(offsets + 2 * position)
        add_u16(scores, doc, load_u8(impacts + position) * factor)
        position += 1


@kernel
def scatter_u32(postings: Postings, cursors: Cursors, row: int, weight: int, scores: int) -> None:
    """Add a list to 32-bit scores at an address."""
    offsets = postings.doc_offsets.ctypes.data + 2 * cursors.offset_begin[row]
    impacts = postings.impacts.ctypes.data + cursors.impact_begin[row]
    factor = np.uint64(weight)
    size = cursors.n_postings[row]
    position = np.int64(0)
    while position + 4 <= size:
        docs = load_u64(offsets + 2 * position)
        four = load_u32(impacts + position)
        position += 4
        for _ in range(4):
            add_u32(scores, docs & np.uint64(0xFFFF), (four & np.uint64(0xFF)) * factor)
            docs >>= np.uint64(16)
            four >>= np.uint64(8)
    while position < size:
        doc = load_u16(offsets + 2 * position)
        add_u32(scores, doc, load_u8(impacts + position) * factor)
        position += 1


@kernel
def impact_of(postings: Postings, cursors: Cursors, row: int, offset: int) -> np.int64:
    """Return the impact of a term in the document at an offset, 0 if it lacks the term.

    The binary search has no branch that depends on what it finds, so that the processor can run
    ahead to the next one.
    """
    size = cursors.n_postings[row]
    if size == 0:
        return np.int64(0)
    offsets = postings.doc_offsets.ctypes.data + 2 * cursors.offset_begin[row]
    place = np.int64(0)
    while size > 1:
        half = size >> 1
        is_beyond = np.int64(load_u16(offsets + 2 * (place + half))) <= offset
        place += half * np.int64(is_beyond)
        size -= half
    if np.int64(load_u16(offsets + 2 * place)) != offset:
        return np.int64(0)
    return np.int64(load_u8(postings.impacts.ctypes.data + cursors.impact_begin[row] + place))
