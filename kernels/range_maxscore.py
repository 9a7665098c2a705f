"""Exact search that leaves most postings of long queries unread: MaxScore inside document ranges.

A document is a hit only above the threshold, the score of the k-th best so far. In each window of
documents (a range, after a few smaller ones that raise the threshold):

1. The sparse terms with the lowest bound per posting are left out, as long as their bounds sum to
   less than a part of the threshold (`SLACK`). The lists of the others are added to 16-bit scores.
2. Blocks of 64 documents whose best 16-bit score, with the block maxima of the frequent terms and
   the bound of what was left out, stays at the threshold or below are passed over; in the others
   the rows of the frequent terms are added.
3. A document that may still exceed the threshold has the terms left out looked up, the one with
   the largest bound first, until it can be dropped; what remains is scored exactly, in 64 bits.

16-bit scores use weights that are scaled down and rounded up, so that they bound the exact scores:
with M = sum of weight * largest impact, N = 65535 - sum of largest impacts and filter weight
ceil(weight * N / M), no sum exceeds 65535, and a document of score S has at least S * N / M.

MaxScore orders terms by bound alone and leaves out up to the whole threshold. Here the order is by
bound per posting, and only `SLACK` of the threshold is left out: every document that passes step 1
costs a search in each list left out, so a few more postings are cheaper than many candidates.

Paper: Turtle, Flood, "Query evaluation: strategies and optimizations", Information Processing and
Management 31(6), 1995 (MaxScore); Mallia, Ottaviano, Porciani, Tonellotto, Venturini, "Faster
BlockMax WAND with variable-sized blocks", SIGIR 2017 (block maxima).
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from lsr.kernels.accumulate import (
    Cursors,
    impact_of,
    new_cursors,
    prefetch_list,
    scatter_u16,
    score_window,
    seek,
)
from lsr.kernels.dense_rows import BLOCK_SIZE, DenseRows
from lsr.kernels.exhaustive import exclude
from lsr.kernels.postings import RANGE_SIZE, Postings
from lsr.kernels.top_k import insert, offer
from lsr.kernels.vector import above_u16, add_row_u16, count_trailing_zeros, prefetch

SLACK = 0.08
"""Share of the threshold that the bounds of terms left out may sum to. On 300,000 SPLADE passages
0.05 and 0.1 took the same time, 0.3 a quarter more: postings are cheaper than candidates."""

FIRST_WINDOW = 2048
"""Documents scored in full, so that there is a threshold; later windows are 4 times as long."""

MAX_FILTER_SCORE = (1 << 16) - 1


class Query(NamedTuple):
    """A query's terms in the order of their use: those with rows, then by bound per posting.

    Attributes:
        terms: shape (n_query_terms,).
        weights: shape (n_query_terms,).
        filter_weights: shape (n_query_terms,), weights of the 16-bit scores.
        row_numbers: shape (n_query_terms,), -1 for a term without a row.
        bounds: shape (n_query_terms,), filter weight times largest impact in the window.
    """

    terms: NDArray[np.int64]
    weights: NDArray[np.int64]
    filter_weights: NDArray[np.int64]
    row_numbers: NDArray[np.int64]
    bounds: NDArray[np.int64]


class Scratch(NamedTuple):
    """Memory that a search writes before it reads; one search at a time may use it.

    Attributes:
        scores: shape (RANGE_SIZE,).
        filter_scores: shape (RANGE_SIZE,).
        block_bounds: shape (RANGE_SIZE / BLOCK_SIZE,).
        blocks: shape (RANGE_SIZE / BLOCK_SIZE,).
        doc_offsets: shape (RANGE_SIZE,).
    """

    scores: NDArray[np.uint32]
    filter_scores: NDArray[np.uint16]
    block_bounds: NDArray[np.uint16]
    blocks: NDArray[np.int64]
    doc_offsets: NDArray[np.uint16]


def new_scratch() -> Scratch:
    """Allocate the memory that searches on one thread share."""
    n_blocks = RANGE_SIZE // BLOCK_SIZE
    return Scratch(
        np.empty(RANGE_SIZE, dtype=np.uint32),
        np.empty(RANGE_SIZE, dtype=np.uint16),
        np.empty(n_blocks, dtype=np.uint16),
        np.empty(n_blocks, dtype=np.int64),
        np.empty(RANGE_SIZE, dtype=np.uint16),
    )


@numba.njit(cache=True, nogil=True, error_model="numpy")
def fits_filter(weights: NDArray[np.uint32], max_impacts: NDArray[np.uint8]) -> bool:
    """Say whether 16-bit scores can tell documents of this query apart.

    Rounding up adds at most one impact a term; here that stays below a third of the 16 bits, which
    some 85 terms at the largest impact reach.
    """
    total = np.int64(0)
    for row in range(weights.size):
        total += np.int64(max_impacts[row])
    return bool(total * 3 < MAX_FILTER_SCORE)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def search_maxscore(
    postings: Postings,
    rows: DenseRows,
    n_docs: int,
    terms: NDArray[np.uint32],
    weights: NDArray[np.uint32],
    max_impacts: NDArray[np.uint8],
    frequencies: NDArray[np.int64],
    excluded: NDArray[np.uint8],
    first_doc: int,
    threshold: np.int64,
    bound_factor: float,
    max_ranges: int,
    scratch: Scratch,
    best_scores: NDArray[np.int64],
    best_docs: NDArray[np.int64],
    size: int,
) -> int:
    """Offer documents to the heap of the best and return how many it holds.

    Args:
        postings: posting lists of a segment, impacts of 8 bits.
        rows: its rows, filled in for the terms of the query.
        n_docs: documents.
        terms: shape (n_query_terms,), distinct, each in some document of the segment.
        weights: shape (n_query_terms,), above zero; `fits_filter` holds.
        max_impacts: shape (n_query_terms,), largest impact of each term.
        frequencies: shape (n_query_terms,), documents that have each term, at least 1.
        excluded: bitmap of documents to leave out, lowest bit first; empty for none.
        first_doc: number of the segment's first document; above all offered before.
        threshold: at least k documents of the index score more, or 0.
        bound_factor: 1 to be exact; below, upper bounds of what has not been looked at (terms left
            out, frequent terms of a block) count only for this share of themselves.
        max_ranges: ranges to search, those with the highest bounds; 0 for all, to be exact.
        scratch: memory to work in.
        best_scores: the heap's scores; its length is k.
        best_docs: the heap's document numbers.
        size: entries of the heap in use.
    """
    query, n_dense, numerator, denominator = _ordered(
        rows, terms, weights, max_impacts, frequencies
    )
    cursors = new_cursors(terms.size)
    is_open = _open_ranges(postings, query, max_ranges)
    doc, first_range = 0, -1
    while doc < n_docs:
        number, begin = doc // RANGE_SIZE, doc % RANGE_SIZE
        range_doc = number * RANGE_SIZE
        range_end = min(RANGE_SIZE, n_docs - range_doc)
        if not is_open[number]:
            doc = range_doc + range_end
            continue
        if first_range < 0:
            first_range = number
        end = range_end
        if number == first_range:
            end = min(range_end, max(FIRST_WINDOW, 4 * begin))
        is_whole = begin == 0 and end == range_end
        seek(postings, number, query.terms, n_dense, begin, end, is_whole, cursors)
        if size == best_scores.size:
            threshold = max(threshold, best_scores[0])
        if number == first_range and begin == 0 and size < best_scores.size:
            score_window(
                postings,
                rows,
                query.row_numbers,
                query.weights,
                n_dense,
                cursors,
                range_doc,
                0,
                end,
                scratch.scores,
            )
            exclude(scratch.scores[:end], excluded, range_doc)
            size = offer(scratch.scores[:end], first_doc + range_doc, best_scores, best_docs, size)
        else:
            limit = threshold * numerator // denominator
            n_left_out, remainder = _leave_out(
                postings, number, query, n_dense, limit, bound_factor
            )
            _accumulate(postings, query, cursors, n_dense + n_left_out, begin, end, scratch)
            n_blocks = _open_blocks(
                rows,
                query,
                n_dense,
                range_doc,
                begin,
                end,
                limit - remainder,
                bound_factor,
                scratch,
            )
            size = _score_candidates(
                postings,
                rows,
                query,
                cursors,
                n_dense,
                n_left_out,
                remainder,
                numerator,
                denominator,
                n_blocks,
                range_doc,
                end,
                excluded,
                first_doc,
                threshold,
                scratch,
                best_scores,
                best_docs,
                size,
            )
        doc = range_doc + end
    return size


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _ordered(
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


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _open_ranges(postings: Postings, query: Query, max_ranges: int) -> NDArray[np.bool_]:
    """Return which ranges to search: all, or those with the highest bounds."""
    n_ranges = postings.range_lists.size - 1
    is_open = np.ones(n_ranges, dtype=np.bool_)
    if max_ranges <= 0 or max_ranges >= n_ranges:
        return is_open
    bounds = np.zeros(n_ranges, dtype=np.int64)
    for number in range(n_ranges):
        for row in range(query.terms.size):
            largest = np.int64(postings.max_impacts[query.terms[row] * n_ranges + number])
            bounds[number] += query.weights[row] * largest
    is_open[np.argsort(bounds)[: n_ranges - max_ranges]] = False
    return is_open


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _leave_out(
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


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _accumulate(
    postings: Postings,
    query: Query,
    cursors: Cursors,
    first: int,
    begin: int,
    end: int,
    scratch: Scratch,
) -> None:
    """Write the 16-bit scores of the window's documents by the terms from `first` on."""
    padded_end = (end + BLOCK_SIZE - 1) // BLOCK_SIZE * BLOCK_SIZE
    scratch.filter_scores[begin:padded_end] = 0
    prefetch_list(postings, cursors, first)
    for row in range(first, query.terms.size):
        prefetch_list(postings, cursors, row + 1)
        scatter_u16(
            postings, cursors, row, query.filter_weights[row], scratch.filter_scores.ctypes.data
        )


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _open_blocks(
    rows: DenseRows,
    query: Query,
    n_dense: int,
    range_doc: int,
    begin: int,
    end: int,
    limit: np.int64,
    bound_factor: float,
    scratch: Scratch,
) -> int:
    """Write down the blocks that may hold a document above `limit`; return how many there are.

    The rows of the frequent terms are asked for in these blocks.
    """
    first, last = begin // BLOCK_SIZE, (end + BLOCK_SIZE - 1) // BLOCK_SIZE
    scratch.block_bounds[:] = 0
    bounds = scratch.block_bounds.ctypes.data
    for row in range(n_dense):
        place = query.row_numbers[row] * rows.block_max.shape[1] + range_doc // BLOCK_SIZE
        maxima = rows.block_max.ctypes.data + place
        for block in range(first // BLOCK_SIZE * BLOCK_SIZE, last, BLOCK_SIZE):
            add_row_u16(bounds + 2 * block, maxima + block, query.filter_weights[row])
    scores, impacts = scratch.filter_scores.ctypes.data, rows.impacts.ctypes.data
    n_blocks = 0
    for block in range(first, last):
        room = limit - np.int64(np.float64(scratch.block_bounds[block]) * bound_factor)
        if room >= 0 and above_u16(scores + 2 * BLOCK_SIZE * block, room) == np.uint64(0):
            continue
        scratch.blocks[n_blocks] = block
        n_blocks += 1
        for row in range(n_dense):
            place = query.row_numbers[row] * rows.impacts.shape[1] + range_doc
            prefetch(impacts + place + block * BLOCK_SIZE)
    return n_blocks


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _score_candidates(
    postings: Postings,
    rows: DenseRows,
    query: Query,
    cursors: Cursors,
    n_dense: int,
    n_left_out: int,
    remainder: np.int64,
    numerator: np.int64,
    denominator: np.int64,
    n_blocks: int,
    range_doc: int,
    end: int,
    excluded: NDArray[np.uint8],
    first_doc: int,
    threshold: np.int64,
    scratch: Scratch,
    best_scores: NDArray[np.int64],
    best_docs: NDArray[np.int64],
    size: int,
) -> int:
    """Complete the open blocks, and score exactly what may be a hit."""
    scores, impacts = scratch.filter_scores.ctypes.data, rows.impacts.ctypes.data
    limit = threshold * numerator // denominator
    for number in range(n_blocks):
        block = scratch.blocks[number]
        address = scores + 2 * BLOCK_SIZE * block
        for row in range(n_dense):
            place = query.row_numbers[row] * rows.impacts.shape[1] + range_doc
            add_row_u16(address, impacts + place + block * BLOCK_SIZE, query.filter_weights[row])
        candidates = above_u16(address, max(limit - remainder, 0))
        while candidates != np.uint64(0):
            offset = block * BLOCK_SIZE + count_trailing_zeros(candidates)
            candidates &= candidates - np.uint64(1)
            if offset >= end:
                continue
            bound = np.int64(scratch.filter_scores[offset]) + remainder
            row = n_dense + n_left_out - 1
            while row >= n_dense and bound > limit:
                impact = impact_of(postings, cursors, row, offset)
                bound -= query.bounds[row] - query.filter_weights[row] * impact
                row -= 1
            if bound <= limit or _is_excluded(excluded, range_doc + offset):
                continue
            score = _exact_score(postings, rows, query, cursors, n_dense, range_doc, offset)
            if score > threshold:
                size = insert(score, first_doc + range_doc + offset, best_scores, best_docs, size)
                if size == best_scores.size and best_scores[0] > threshold:
                    threshold = best_scores[0]
                    limit = threshold * numerator // denominator
    return size


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _exact_score(
    postings: Postings,
    rows: DenseRows,
    query: Query,
    cursors: Cursors,
    n_dense: int,
    range_doc: int,
    offset: int,
) -> np.int64:
    score = np.int64(0)
    for row in range(n_dense):
        impact = rows.impacts[query.row_numbers[row], range_doc + offset]
        score += query.weights[row] * np.int64(impact)
    for row in range(n_dense, query.terms.size):
        score += query.weights[row] * impact_of(postings, cursors, row, offset)
    return score


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _is_excluded(excluded: NDArray[np.uint8], doc: int) -> bool:
    return excluded.size > 0 and (excluded[doc >> 3] >> np.uint8(doc & 7)) & np.uint8(1) == 1
