"""Keep the k best documents: higher score first, then lower document number.

The candidates form a heap whose root is the worst of them. Documents are offered in rising order,
so one that only equals the root's score never enters, and a block of scores with no larger value
is skipped after one SIMD maximum.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.kernels._compile import kernel

BLOCK_SIZE = 64
"""Scores whose maximum is taken at once; a few SIMD registers' worth."""


@kernel
def offer(
    scores: NDArray[Any],
    first_doc: int,
    best_scores: NDArray[Any],
    best_docs: NDArray[np.int64],
    size: int,
    floor: float = 0,
) -> int:
    """Offer documents to the heap and return how many it holds now.

    Args:
        scores: unsigned or float32 scores of documents ``first_doc``, ``first_doc + 1``, ...
        first_doc: above every document offered before.
        best_scores: the heap's scores, int64 or float64; its length is k.
        best_docs: the heap's document numbers.
        size: entries of the heap in use.
        floor: documents that do not score more are left out.
    """
    k = best_scores.size
    for start in range(0, scores.size, BLOCK_SIZE):
        block = scores[start : start + BLOCK_SIZE]
        largest = block[0]
        for position in range(1, block.size):
            largest = max(largest, block[position])
        threshold = max(best_scores[0], floor) if size == k else floor
        if largest <= threshold:
            continue
        for position in range(block.size):
            score = block[position]
            if size < k:
                if score > floor:
                    _rise(score, first_doc + start + position, best_scores, best_docs, size)
                    size += 1
            elif score > best_scores[0]:
                _sink(score, first_doc + start + position, best_scores, best_docs, k)
    return size


@kernel
def insert(
    score: float, doc: int, best_scores: NDArray[Any], best_docs: NDArray[np.int64], size: int
) -> int:
    """Put a document better than the heap's worst into it; return how many it holds now."""
    if size < best_scores.size:
        _rise(score, doc, best_scores, best_docs, size)
        return size + 1
    _sink(score, doc, best_scores, best_docs, size)
    return size


@kernel
def sort_best(best_scores: NDArray[Any], best_docs: NDArray[np.int64], size: int) -> None:
    """Put the first `size` entries of the heap in order, best first."""
    for last in range(size - 1, 0, -1):
        # The worst of what is left goes to the end, as in heapsort.
        score, doc = best_scores[0], best_docs[0]
        _sink(best_scores[last], best_docs[last], best_scores, best_docs, last)
        best_scores[last], best_docs[last] = score, doc


@kernel
def _is_worse(score: float, doc: int, other_score: float, other_doc: int) -> bool:
    return score < other_score or (score == other_score and doc > other_doc)


@kernel
def _rise(
    score: float,
    doc: int,
    best_scores: NDArray[Any],
    best_docs: NDArray[np.int64],
    place: int,
) -> None:
    """Insert a document at the free leaf `place` and let it rise above better ones."""
    while place > 0:
        parent = (place - 1) >> 1
        if not _is_worse(score, doc, best_scores[parent], best_docs[parent]):
            break
        best_scores[place], best_docs[place] = best_scores[parent], best_docs[parent]
        place = parent
    best_scores[place], best_docs[place] = score, doc


@kernel
def _sink(
    score: float,
    doc: int,
    best_scores: NDArray[Any],
    best_docs: NDArray[np.int64],
    size: int,
) -> None:
    """Replace the root of a heap of `size` entries and let the new one sink below worse ones."""
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        right = child + 1
        if right < size and _is_worse(
            best_scores[right], best_docs[right], best_scores[child], best_docs[child]
        ):
            child = right
        if not _is_worse(best_scores[child], best_docs[child], score, doc):
            break
        best_scores[place], best_docs[place] = best_scores[child], best_docs[child]
        place = child
    best_scores[place], best_docs[place] = score, doc
