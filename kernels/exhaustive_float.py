"""Exact search over float32 weights that were not quantized.

Every posting is scored, range by range, in float32: a score is the sum in the order of the query's
terms, so that it can be repeated bit by bit. The reference is in search_reference.py.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lsr.kernels._compile import kernel
from lsr.kernels.exhaustive import exclude
from lsr.kernels.lists import impacts_of_list, offsets_of_list
from lsr.kernels.postings import RANGE_SIZE, Postings
from lsr.kernels.top_k import offer


@kernel
def search_exhaustive_float(
    postings: Postings,
    n_docs: int,
    terms: NDArray[np.uint32],
    weights: NDArray[np.float32],
    excluded: NDArray[np.uint8],
    first_doc: int,
    scores: NDArray[np.float32],
    scratch: NDArray[np.uint16],
    best_scores: NDArray[np.float64],
    best_docs: NDArray[np.int64],
    size: int,
) -> int:
    """Offer every document's score to the heap of the best and return how many it holds.

    Args:
        postings: posting lists of a segment, float32.
        n_docs: documents.
        terms: shape (n_query_terms,), distinct and below the number of terms.
        weights: shape (n_query_terms,), above zero.
        excluded: bitmap of documents to leave out, lowest bit first; empty for none.
        first_doc: number of the segment's first document; above all offered before.
        scores: room for a range, shape (RANGE_SIZE,).
        scratch: shape (RANGE_SIZE,).
        best_scores: the heap's scores; its length is k.
        best_docs: the heap's document numbers.
        size: entries of the heap in use.
    """
    for number in range((n_docs + RANGE_SIZE - 1) // RANGE_SIZE):
        begin = number * RANGE_SIZE
        in_range = scores[: min(RANGE_SIZE, n_docs - begin)]
        in_range[:] = 0
        for row in range(terms.size):
            weight = weights[row]
            offsets = offsets_of_list(
                postings, number, np.int64(terms[row]), in_range.size, scratch
            )
            impacts = impacts_of_list(postings, number, np.int64(terms[row]))
            for position in range(offsets.size):
                in_range[offsets[position]] += weight * impacts[position]
        exclude(in_range, excluded, begin)
        size = offer(in_range, first_doc + begin, best_scores, best_docs, size)
    return size
