"""Exact search by scoring every posting of the query's terms, term at a time, range by range.

    score(d) = sum over query terms t of weights[t] * impact(t, d)

The scores of one range stay in the cache: 128 KB in 16 bits, 256 KB in 32. The caller promises
that no score exceeds its accumulator; `widest_score` bounds it. `search_exhaustive_reference` is
the oracle that every other search algorithm is tested against.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from lsr.kernels.postings import RANGE_SIZE, Postings, n_ranges
from lsr.kernels.top_k import offer, sort_best, top_k_reference


def search_exhaustive_reference(
    postings: Postings,
    n_docs: int,
    n_terms: int,
    terms: NDArray[np.uint32],
    weights: NDArray[np.uint32],
    deleted: NDArray[np.uint32],
    k: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Say in NumPy what `search_exhaustive` must return, with 64-bit scores."""
    scores = np.zeros(n_docs, dtype=np.int64)
    for number in range(n_ranges(n_docs)):
        for term, weight in zip(terms.tolist(), weights.tolist(), strict=True):
            lists = postings.indptr[number * n_terms + term :]
            span = slice(lists[0], lists[1])
            doc_numbers = number * RANGE_SIZE + postings.doc_offsets[span].astype(np.int64)
            scores[doc_numbers] += weight * postings.impacts[span].astype(np.int64)
    scores[deleted] = 0
    best = top_k_reference(scores, k)
    return best, scores[best]


def widest_score(weights: NDArray[np.uint32], max_impacts: NDArray[np.uint8]) -> int:
    """Return a bound on every score: each query term at its largest impact."""
    return int(weights.astype(np.int64) @ max_impacts.astype(np.int64))


def search_exhaustive(
    postings: Postings,
    n_docs: int,
    n_terms: int,
    terms: NDArray[np.uint32],
    weights: NDArray[np.uint32],
    deleted: NDArray[np.uint32],
    k: int,
    bound: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return document numbers and integer scores of the best `k` documents, best first.

    Ties go to the lower document number; documents without any query term are left out.

    Args:
        postings: posting lists of `n_docs` documents over `n_terms` terms.
        n_docs: documents.
        n_terms: terms of the segment.
        terms: shape (n_query_terms,), distinct and below `n_terms`.
        weights: shape (n_query_terms,), at least 1.
        deleted: document numbers to leave out, rising.
        k: at least 1.
        bound: no score exceeds it (`widest_score`); below 2**32. Below 2**16 it lets scores take
            half the memory.
    """
    width = np.uint16 if bound < 1 << 16 else np.uint32
    scores = np.empty(min(n_docs, RANGE_SIZE), dtype=width)
    best_scores = np.zeros(min(k, n_docs), dtype=np.int64)
    best_docs = np.zeros(best_scores.size, dtype=np.int64)
    size = _search_exhaustive(
        postings, n_docs, n_terms, terms, weights, deleted, scores, best_scores, best_docs
    )
    return best_docs[:size], best_scores[:size]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _search_exhaustive(
    postings: Postings,
    n_docs: int,
    n_terms: int,
    terms: NDArray[np.uint32],
    weights: NDArray[np.uint32],
    deleted: NDArray[np.uint32],
    scores: NDArray[np.unsignedinteger],
    best_scores: NDArray[np.int64],
    best_docs: NDArray[np.int64],
) -> int:
    size = 0
    n_passed = 0
    for first_doc in range(0, n_docs, RANGE_SIZE):
        in_range = scores[: min(RANGE_SIZE, n_docs - first_doc)]
        in_range[:] = 0
        first_list = first_doc // RANGE_SIZE * n_terms
        for number in range(terms.size):
            weight = weights[number]
            begin = postings.indptr[first_list + terms[number]]
            end = postings.indptr[first_list + terms[number] + 1]
            for position in range(begin, end):
                in_range[postings.doc_offsets[position]] += weight * postings.impacts[position]
        while n_passed < deleted.size and deleted[n_passed] < first_doc + in_range.size:
            in_range[deleted[n_passed] - first_doc] = 0
            n_passed += 1
        size = offer(in_range, first_doc, best_scores, best_docs, size)
    sort_best(best_scores, best_docs, size)
    return size
