"""How is a question answered after which no other comes? In NumPy, where that is sooner.

Loading Numba and the search kernels takes longer than scoring the postings of most questions does
in NumPy, and compiling them, which the first search on a machine has to, a hundred times longer.
What comes out is the same, bit by bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.index.filters import Filter
from lsr.index.segment_search import SegmentSearch
from lsr.kernels.search_reference import quantize_queries_reference
from lsr.sparse import SparseBatch

FEW_POSTINGS = 3_000_000
"""Postings that NumPy scores before kernels could begin: it takes some 20 ns for each, 60 ms for so
many, and the search kernels take as long to load where an encoder has loaded Numba, else 0.4 s."""


def is_answered_sooner(question: SparseBatch, searches: Sequence[SegmentSearch]) -> bool:
    """Say whether NumPy answers a question before kernels are loaded.

    Args:
        question: one vector in the index's vocabulary.
        searches: the segments.

    Raises:
        CorruptIndexError: a segment's table of posting lists is damaged.
    """
    return sum(one.n_postings(question.terms) for one in searches) <= FEW_POSTINGS


def answer(
    question: SparseBatch,
    searches: Sequence[SegmentSearch],
    k: int,
    *,
    where: Filter | None,
    step: float | None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the best `k` documents of a question, -1 where there are fewer, and their scores.

    Args:
        question: one vector in the index's vocabulary.
        searches: the segments, in order.
        k: at least 1.
        where: which documents to search; None for all.
        step: weight of one impact unit; None in an index of float32 weights.

    Returns:
        Document numbers and scores, both of shape (1, k).

    Raises:
        CorruptIndexError: a posting list that the question needs is damaged.
    """
    weights: NDArray[Any] = question.weights
    unit = 1.0
    if step is not None:
        weights, units = quantize_queries_reference(question.indptr, question.weights)
        unit = float(units[0]) * step
    found = [one.best(question.terms, weights, where, k) for one in searches]
    docs = np.concatenate([np.empty(0, np.int64), *(some for some, _ in found)])
    scores = np.concatenate([np.empty(0, weights.dtype), *(some for _, some in found)])
    best = np.lexsort((docs, -scores))[:k]
    all_docs, all_scores = np.full((1, k), -1, dtype=np.int64), np.zeros((1, k))
    all_docs[0, : best.size], all_scores[0, : best.size] = docs[best], scores[best] * unit
    return all_docs, all_scores
