"""Exact search by scoring every posting of the query's terms, term at a time, range by range.

    score(d) = sum over query terms t of weights[t] * impact(t, d)

The 32-bit scores of one range stay in the cache. Its reference, and that of every other search, is
in search_reference.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.kernels._compile import kernel
from lsr.kernels.accumulate import new_cursors, score_range, seek
from lsr.kernels.dense_rows import DenseRows
from lsr.kernels.postings import RANGE_SIZE, Postings
from lsr.kernels.top_k import offer


@kernel
def search_exhaustive(
    postings: Postings,
    rows: DenseRows,
    n_docs: int,
    terms: NDArray[np.uint32],
    weights: NDArray[np.uint32],
    excluded: NDArray[np.uint8],
    first_doc: int,
    threshold: np.int64,
    scores: NDArray[np.uint32],
    best_scores: NDArray[np.int64],
    best_docs: NDArray[np.int64],
    size: int,
    stop: NDArray[np.uint8],
) -> int:
    """Offer every document's score to the heap of the best and return how many it holds.

    Args:
        postings: posting lists of a segment, impacts of 8 bits.
        rows: its rows, filled in for the terms of the query.
        n_docs: documents.
        terms: shape (n_query_terms,), distinct and below the number of terms.
        weights: shape (n_query_terms,); no score exceeds 32 bits.
        excluded: bitmap of documents to leave out, lowest bit first; empty for none.
        first_doc: number of the segment's first document; above all offered before.
        threshold: at least k documents of the index score more, or 0.
        scores: room for a range, shape (RANGE_SIZE,).
        best_scores: the heap's scores; its length is k.
        best_docs: the heap's document numbers.
        size: entries of the heap in use.
        stop: shape (1,), ends the search at the next range when it is above 0.
    """
    ordered = np.empty(terms.size, dtype=np.int64)
    ordered_weights = np.empty(terms.size, dtype=np.int64)
    row_numbers = np.empty(terms.size, dtype=np.int64)
    n_dense, n_sparse = 0, 0
    for row in range(terms.size):
        place = n_dense
        if rows.numbers[terms[row]] < 0:
            n_sparse += 1
            place = terms.size - n_sparse
        else:
            n_dense += 1
        ordered[place], ordered_weights[place] = terms[row], weights[row]
        row_numbers[place] = rows.numbers[terms[row]]
    cursors = new_cursors(terms.size)
    for number in range((n_docs + RANGE_SIZE - 1) // RANGE_SIZE):
        if stop[0] > 0:
            break
        range_doc = number * RANGE_SIZE
        end = min(RANGE_SIZE, n_docs - range_doc)
        seek(postings, number, ordered, n_dense, cursors)
        score_range(
            postings,
            rows,
            row_numbers,
            ordered_weights,
            n_dense,
            cursors,
            range_doc,
            end,
            scores,
        )
        exclude(scores[:end], excluded, range_doc)
        size = offer(scores[:end], first_doc + range_doc, best_scores, best_docs, size, threshold)
    return size


@kernel
def exclude(scores: NDArray[Any], excluded: NDArray[np.uint8], first_doc: int) -> None:
    """Set the scores of excluded documents to zero, so that they are no hits.

    Args:
        scores: scores of documents ``first_doc``, ``first_doc + 1``, ...
        excluded: bitmap over all documents of the segment, or empty.
        first_doc: a multiple of 8.
    """
    if excluded.size == 0:
        return
    first_byte = first_doc // 8
    for number in range((scores.size + 7) // 8):
        byte = excluded[first_byte + number]
        if byte == 0:
            continue
        for bit in range(min(8, scores.size - number * 8)):
            if (byte >> np.uint8(bit)) & np.uint8(1):
                scores[number * 8 + bit] = 0
