"""What must a search return? Said in NumPy, by the formula, without compiling anything.

    score(d) = sum over query terms t of weight(t) * impact(t, d)

Every search is tested with these functions, and a process that asks a single question of few
postings is answered by them, as loading the kernels would take longer (index/single_question.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.kernels.postings import MAX_IMPACT, RANGE_SIZE, Postings, n_ranges, read_list

MAX_QUERY_WEIGHT = (1 << 16) - 1
MAX_WEIGHT_SUM = ((1 << 32) - 1) / MAX_IMPACT
"""Sum of integer weights up to which every score fits 32 bits."""


def quantize_queries_reference(
    indptr: NDArray[np.int64], weights: NDArray[np.float32]
) -> tuple[NDArray[np.uint32], NDArray[np.float64]]:
    """Say in NumPy what `quantize_queries` must return."""
    integers, steps = np.zeros(weights.size, dtype=np.uint32), np.ones(indptr.size - 1)
    for query in range(indptr.size - 1):
        row = slice(indptr[query], indptr[query + 1])
        exact = weights[row].astype(np.float64)
        if exact.size == 0:
            continue
        largest, total = exact.max(), np.add.accumulate(exact)[-1]
        if largest <= MAX_QUERY_WEIGHT and total <= MAX_WEIGHT_SUM and not np.mod(exact, 1).any():
            integers[row] = exact
            continue
        # Rounding, and lifting zeros to one, adds at most one to each weight.
        scale = min(MAX_QUERY_WEIGHT / largest, (MAX_WEIGHT_SUM - exact.size) / total)
        integers[row] = np.maximum(1, np.rint(exact * scale))
        steps[query] = 1.0 / scale
    return integers, steps


def search_exhaustive_reference(
    postings: Postings,
    n_docs: int,
    terms: NDArray[np.uint32],
    weights: NDArray[Any],
    excluded: NDArray[np.uint8],
    k: int,
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Say in NumPy what an exact search must return: documents and scores, best first.

    Args:
        postings: posting lists of `n_docs` documents.
        n_docs: documents.
        terms: shape (n_query_terms,), distinct and below the number of terms.
        weights: shape (n_query_terms,), above zero: uint32, or float32 as the impacts are.
        excluded: bitmap of documents to leave out, lowest bit first; empty for none.
        k: at least 1.
    """
    is_float = postings.impacts.dtype == np.float32
    scores = np.zeros(n_docs, dtype=np.float32 if is_float else np.int64)
    for number in range(n_ranges(n_docs)):
        in_range = scores[number * RANGE_SIZE : (number + 1) * RANGE_SIZE]
        for term, weight in zip(terms.tolist(), weights.astype(scores.dtype), strict=True):
            offsets, impacts = read_list(postings, number, term, in_range.size)
            np.add.at(in_range, offsets, weight * impacts.astype(scores.dtype))
    scores[np.flatnonzero(np.unpackbits(excluded, bitorder="little")[:n_docs])] = 0
    best = top_k_reference(scores, k)
    return best, scores[best]


def top_k_reference(scores: NDArray[Any], k: int) -> NDArray[np.int64]:
    """Say in NumPy which documents are the best `k` above zero, best first.

    Args:
        scores: int64 or float32, none below zero.
        k: at least 1.
    """
    found = np.flatnonzero(scores > 0)
    if found.size > k:
        least = np.partition(scores[found], found.size - k)[found.size - k]
        found = found[scores[found] >= least]
    order = np.lexsort((found, -scores[found]))
    return found[order[:k]].astype(np.int64)
