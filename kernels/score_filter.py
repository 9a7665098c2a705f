"""16-bit scores that are never below the exact ones: what lets MaxScore pass documents over.

16-bit scores use weights that are scaled down and rounded up, so that they bound the exact scores:
with M = sum of weight * largest impact, N = 65535 - sum of largest impacts and filter weight
ceil(weight * N / M), no sum exceeds 65535, and a document of score S has at least S * N / M.

Terms come in an order of use: frequent terms, which have rows, then sparse ones by bound per
posting. The sparse terms with the lowest are left out; rows are added later, in open blocks only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lsr.kernels._compile import kernel
from lsr.kernels.accumulate import Cursors, prefetch_list, scatter_u16
from lsr.kernels.dense_rows import BLOCK_SIZE, PART_SIZE, DenseRows
from lsr.kernels.postings import RANGE_SIZE, Postings
from lsr.kernels.vector import (
    LANES,
    PARTS,
    above_with_parts_u16,
    add_row_u16,
    clear_u16,
    prefetch,
)

SLACK = 0.08
"""Share of the threshold that the bounds of terms left out may sum to. On 300,000 SPLADE passages
0.05 and 0.1 took the same time, 0.3 a quarter more: postings are cheaper than candidates."""

MAX_FILTER_SCORE = (1 << 16) - 1


class Query(NamedTuple):
    """A query's terms in the order of their use: those with rows, then by bound per posting.

    Attributes:
        terms: shape (n_query_terms,).
        weights: shape (n_query_terms,).
        filter_weights: shape (n_query_terms,), weights of the 16-bit scores.
        row_numbers: shape (n_query_terms,), -1 for a term without a row.
        bounds: shape (n_query_terms,), filter weight times largest impact in the range.
    """

    terms: NDArray[np.int64]
    weights: NDArray[np.int64]
    filter_weights: NDArray[np.int64]
    row_numbers: NDArray[np.int64]
    bounds: NDArray[np.int64]


class Scratch(NamedTuple):
    """Memory to work in; one search at a time may use it.

    Attributes:
        scores: shape (RANGE_SIZE,).
        filter_scores: shape (RANGE_SIZE,), all zero between ranges.
        blocks: shape (RANGE_SIZE / BLOCK_SIZE,).
        part_bounds: shape (RANGE_SIZE / PART_SIZE,).
        n_added: shape (1,), impacts that were added to scores until now, to tell what searches
            cost on any machine; those of rows count 64 at a time, as they are added.
    """

    scores: NDArray[np.uint32]
    filter_scores: NDArray[np.uint16]
    blocks: NDArray[np.int64]
    part_bounds: NDArray[np.uint16]
    n_added: NDArray[np.int64]


def new_scratch() -> Scratch:
    """Allocate the memory that searches on one thread share."""
    n_blocks = RANGE_SIZE // BLOCK_SIZE
    return Scratch(
        np.empty(RANGE_SIZE, dtype=np.uint32),
        np.zeros(RANGE_SIZE, dtype=np.uint16),
        np.empty(n_blocks, dtype=np.int64),
        np.empty(RANGE_SIZE // PART_SIZE, dtype=np.uint16),
        np.zeros(1, dtype=np.int64),
    )


@kernel
def fits_filter(weights: NDArray[np.uint32], max_impacts: NDArray[np.uint8]) -> bool:
    """Say whether 16-bit scores can tell documents of this query apart.

    Rounding up adds at most one impact a term; here that stays below a third of the 16 bits, which
    some 85 terms at the largest impact reach.
    """
    total = np.int64(0)
    for row in range(weights.size):
        total += np.int64(max_impacts[row])
    return bool(total * 3 < MAX_FILTER_SCORE)


@kernel
def order_terms(
    rows: DenseRows,
    terms: NDArray[np.uint32],
    weights: NDArray[np.uint32],
    max_impacts: NDArray[np.uint8],
    frequencies: NDArray[np.int64],
) -> tuple[Query, int, np.int64, np.int64]:
    """Return the terms in the order of use, how many have rows, and the scale of the filter."""
    keys = np.empty(terms.size, dtype=np.float64)
    n_dense, total, room = 0, np.int64(0), np.int64(MAX_FILTER_SCORE)
    for row in range(terms.size):
        bound = np.int64(weights[row]) * np.int64(max_impacts[row])
        total += bound
        room -= np.int64(max_impacts[row])
        if rows.numbers[terms[row]] >= 0:
            keys[row] = -1.0
            n_dense += 1
            continue
        keys[row] = bound / frequencies[row]
    order = np.argsort(keys)
    query = Query(
        np.empty(terms.size, dtype=np.int64),
        np.empty(terms.size, dtype=np.int64),
        np.empty(terms.size, dtype=np.int64),
        np.empty(terms.size, dtype=np.int64),
        np.empty(terms.size, dtype=np.int64),
    )
    query.terms[:] = terms[order]
    query.weights[:] = weights[order]
    query.filter_weights[:] = (query.weights * room + total - 1) // total
    query.row_numbers[:] = rows.numbers[query.terms]
    return query, n_dense, room, total


@kernel
def leave_out(
    postings: Postings,
    number: int,
    query: Query,
    n_dense: int,
    limit: np.int64,
    bound_factor: float,
) -> tuple[int, np.int64]:
    """Return how many sparse terms are left out in a range, and the sum of their bounds."""
    n_ranges = postings.range_lists.size - 1
    n_left_out, remainder, may_go = 0, np.int64(0), True
    for row in range(n_dense, query.terms.size):
        largest = np.int64(postings.max_impacts[query.terms[row] * n_ranges + number])
        query.bounds[row] = np.int64(query.filter_weights[row] * largest * bound_factor)
        may_go = may_go and remainder + query.bounds[row] <= SLACK * limit
        if may_go:
            remainder += query.bounds[row]
            n_left_out += 1
    return n_left_out, remainder


@kernel
def fill_filter(
    postings: Postings,
    query: Query,
    cursors: Cursors,
    first: int,
    scratch: Scratch,
) -> None:
    """Add the terms from `first` on to the 16-bit scores, all zero, of a range's documents."""
    prefetch_list(postings, cursors, first)
    for row in range(first, query.terms.size):
        prefetch_list(postings, cursors, row + 1)
        scatter_u16(
            postings, cursors, row, query.filter_weights[row], scratch.filter_scores.ctypes.data
        )
        scratch.n_added[0] += cursors.n_postings[row]


@kernel
def open_blocks(
    rows: DenseRows,
    query: Query,
    n_dense: int,
    range_doc: int,
    end: int,
    limit: np.int64,
    bound_factor: float,
    scratch: Scratch,
) -> int:
    """Write down the blocks that may hold a document above `limit`; return how many there are.

    A document's bound is its score so far and what the frequent terms have at most in its part of
    the block. The scores of the other blocks are cleared; a pass over all of them before they are
    filled would be 7 % of the time in 3,000,000 documents. In the open blocks, the rows of the
    frequent terms are asked for.
    """
    n_parts = (end + PART_SIZE - 1) // PART_SIZE
    scratch.part_bounds[: n_parts + LANES] = 0
    bounds = scratch.part_bounds.ctypes.data
    for row in range(n_dense):
        place = query.row_numbers[row] * rows.part_max.shape[1] + range_doc // PART_SIZE
        maxima = rows.part_max.ctypes.data + place
        weight = np.int64(query.filter_weights[row] * bound_factor)
        for part in range(0, n_parts, LANES):
            add_row_u16(bounds + 2 * part, maxima + part, weight)
    scores, impacts = scratch.filter_scores.ctypes.data, rows.impacts.ctypes.data
    n_blocks = 0
    for block in range((end + BLOCK_SIZE - 1) // BLOCK_SIZE):
        address = scores + 2 * BLOCK_SIZE * block
        if above_with_parts_u16(address, bounds + 2 * PARTS * block, limit) == np.uint64(0):
            clear_u16(address)
            continue
        scratch.blocks[n_blocks] = block
        n_blocks += 1
        for row in range(n_dense):
            place = query.row_numbers[row] * rows.impacts.shape[1] + range_doc
            prefetch(impacts + place + block * BLOCK_SIZE)
    return n_blocks
