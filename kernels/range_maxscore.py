"""Exact search that leaves most postings of long queries unread: MaxScore inside document ranges.

A document is a hit only above the threshold, the score of the k-th best so far. A sample says
which threshold k documents will most likely reach (`sample_thresholds`); if they do not, there is a
second search. In each range of documents:

1. The sparse terms with the lowest bound per posting are left out, as long as their bounds sum to
   less than a part of the threshold (`SLACK`). The lists of the others are added to 16-bit scores.
2. Blocks of 64 documents in which every 16-bit score, with the largest impacts of the frequent
   terms among 8 documents and the bound of what was left out, stays at the threshold or below are
   passed over; in the others the rows of the frequent terms are added.
3. A document that may still exceed the threshold has the terms left out looked up, the one with
   the largest bound first, until it can be dropped; what remains is scored exactly, in 64 bits.

MaxScore orders terms by bound alone and leaves out up to the whole threshold. Here the order is by
bound per posting, and only `SLACK` of the threshold is left out: every document that passes step 1
costs a search in each list left out, so a few more postings are cheaper than many candidates.

Paper: Turtle, Flood, "Query evaluation: strategies and optimizations", Information Processing and
Management 31(6), 1995 (MaxScore); Mallia, Ottaviano, Porciani, Tonellotto, Venturini, "Faster
BlockMax WAND with variable-sized blocks", SIGIR 2017 (block maxima).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lsr.kernels._compile import kernel
from lsr.kernels.accumulate import Cursors, impact_of, new_cursors, seek
from lsr.kernels.dense_rows import BLOCK_SIZE, DenseRows
from lsr.kernels.postings import RANGE_SIZE, Postings
from lsr.kernels.score_filter import (
    Query,
    Scratch,
    fill_filter,
    leave_out,
    open_blocks,
    order_terms,
)
from lsr.kernels.threshold_sample import sample_thresholds
from lsr.kernels.top_k import insert
from lsr.kernels.vector import above_u16, add_row_u16, clear_u16, count_trailing_zeros


@kernel
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
    stop: NDArray[np.uint8],
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
        stop: shape (1,), ends the search at the next range when it is above 0.
    """
    query, n_dense, numerator, denominator = order_terms(
        rows, terms, weights, max_impacts, frequencies
    )
    cursors = new_cursors(terms.size)
    certain, guess = sample_thresholds(
        postings, rows, n_docs, query, n_dense, cursors, excluded, scratch, best_scores.size
    )
    threshold = max(threshold, certain - 1)
    if size == best_scores.size:
        threshold = max(threshold, best_scores[0])
    # Without exact bounds, or all ranges, documents are missed that a threshold is known from.
    is_exact = bound_factor >= 1.0 and max_ranges <= 0
    least = threshold if is_exact or size == best_scores.size else np.int64(0)
    is_open = _open_ranges(postings, query, max_ranges)
    scores_before, docs_before = best_scores[:size].copy(), best_docs[:size].copy()
    above = max(threshold, guess - 1)
    while True:
        n_best = _search_above(
            postings,
            rows,
            n_docs,
            query,
            n_dense,
            numerator,
            denominator,
            cursors,
            is_open,
            excluded,
            first_doc,
            above,
            bound_factor,
            scratch,
            best_scores,
            best_docs,
            size,
            stop,
        )
        are_k_above = n_best == best_scores.size and best_scores[0] > above
        if are_k_above or above == least or stop[0] > 0:
            return n_best
        above = least
        best_scores[:size], best_docs[:size] = scores_before, docs_before


@kernel
def _search_above(
    postings: Postings,
    rows: DenseRows,
    n_docs: int,
    query: Query,
    n_dense: int,
    numerator: np.int64,
    denominator: np.int64,
    cursors: Cursors,
    is_open: NDArray[np.bool_],
    excluded: NDArray[np.uint8],
    first_doc: int,
    threshold: np.int64,
    bound_factor: float,
    scratch: Scratch,
    best_scores: NDArray[np.int64],
    best_docs: NDArray[np.int64],
    size: int,
    stop: NDArray[np.uint8],
) -> int:
    """Offer the documents above a threshold, which rises; see `search_maxscore`."""
    for number in range(is_open.size):
        if stop[0] > 0:
            break
        if not is_open[number]:
            continue
        range_doc = number * RANGE_SIZE
        end = min(RANGE_SIZE, n_docs - range_doc)
        seek(postings, number, query.terms, n_dense, cursors)
        if size == best_scores.size:
            threshold = max(threshold, best_scores[0])
        limit = threshold * numerator // denominator
        n_left_out, remainder = leave_out(postings, number, query, n_dense, limit, bound_factor)
        fill_filter(postings, query, cursors, n_dense + n_left_out, scratch)
        n_blocks = open_blocks(
            rows, query, n_dense, range_doc, end, limit - remainder, bound_factor, scratch
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
    return size


@kernel
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


@kernel
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
    """Complete the open blocks, score exactly what may be a hit, and clear the blocks again."""
    scores, impacts = scratch.filter_scores.ctypes.data, rows.impacts.ctypes.data
    limit = threshold * numerator // denominator
    n_exact = 0
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
            n_exact += 1
            score = _exact_score(postings, rows, query, cursors, n_dense, range_doc, offset)
            if score > threshold:
                size = insert(score, first_doc + range_doc + offset, best_scores, best_docs, size)
                if size == best_scores.size and best_scores[0] > threshold:
                    threshold = best_scores[0]
                    limit = threshold * numerator // denominator
        clear_u16(address)
    scratch.n_added[0] += n_blocks * BLOCK_SIZE * n_dense + n_exact * query.terms.size
    return size


@kernel
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


@kernel
def _is_excluded(excluded: NDArray[np.uint8], doc: int) -> bool:
    return excluded.size > 0 and (excluded[doc >> 3] >> np.uint8(doc & 7)) & np.uint8(1) == 1
