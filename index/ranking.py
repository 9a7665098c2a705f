"""How do kernels rank a batch of queries? With integers over impacts, with floats over weights.

Importing this module loads kernels.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lsr.index.approximation import Approximation
from lsr.kernels.algorithm import Algorithm
from lsr.kernels.exhaustive_float import search_exhaustive_float
from lsr.kernels.postings import RANGE_SIZE
from lsr.kernels.query_weights import quantize_queries
from lsr.kernels.score_filter import Scratch, new_scratch
from lsr.kernels.search import SegmentView, new_heaps, search_segment, sort_heaps
from lsr.kernels.top_k import sort_best
from lsr.sparse import SparseBatch

Ranked = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Document numbers, -1 where a query has fewer hits, and scores, both of shape (n_queries, k)."""

_memory = threading.local()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is common to all queries of a search.

    Attributes:
        views: the segments, in order.
        k: hits a query.
        algorithm: how to search.
        approximation: what to give up.
        step: weight of one impact unit.
    """

    views: Sequence[SegmentView]
    k: int
    algorithm: Algorithm
    approximation: Approximation
    step: float


def rank_by_impacts(queries: SparseBatch, plan: Plan) -> Ranked:
    """Rank by integer sums of query weight times impact, then scale the sums back to weights."""
    weights, steps = quantize_queries(queries.indptr, queries.weights)
    vectors = queries.indptr, queries.terms, weights
    heaps = new_heaps(len(queries), plan.k)
    scratch = _thread_scratch()
    for view in plan.views:
        search_segment(
            view,
            *vectors,
            int(plan.algorithm),
            plan.approximation.bound_factor,
            plan.approximation.max_ranges or 0,
            scratch,
            heaps,
        )
    sort_heaps(heaps)
    return heaps.docs, heaps.scores * (steps * plan.step)[:, None]


def rank_by_weights(queries: SparseBatch, plan: Plan) -> Ranked:
    """Rank by float32 sums of query weight times document weight, in the order of the terms."""
    doc_numbers = np.full((len(queries), plan.k), -1, dtype=np.int64)
    scores = np.zeros((len(queries), plan.k), dtype=np.float64)
    range_scores = np.empty(RANGE_SIZE, dtype=np.float32)
    offsets = np.empty(RANGE_SIZE, dtype=np.uint16)
    for number, (terms, weights) in enumerate(queries.rows()):
        size = 0
        for view in plan.views:
            known = terms < view.max_impacts.size
            size = search_exhaustive_float(
                view.postings,
                view.n_docs,
                terms[known],
                weights[known],
                view.excluded,
                view.first_doc,
                range_scores,
                offsets,
                scores[number],
                doc_numbers[number],
                size,
            )
        sort_best(scores[number], doc_numbers[number], size)
    return doc_numbers, scores


def _thread_scratch() -> Scratch:
    """Return this thread's memory for searches; asking the system for it costs as much as one."""
    if not hasattr(_memory, "scratch"):
        _memory.scratch = new_scratch()
    scratch: Scratch = _memory.scratch
    return scratch
