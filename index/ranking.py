"""How do kernels rank a batch of queries? With integers over impacts, with floats over weights.

Importing this module loads kernels.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lsr.index.approximation import Approximation
from lsr.index.filters import Filter
from lsr.index.segment_search import Searchable, SegmentSearch
from lsr.kernels.algorithm import Algorithm
from lsr.kernels.bound import Bound, bind
from lsr.kernels.exhaustive_float import search_exhaustive_float
from lsr.kernels.postings import RANGE_SIZE
from lsr.kernels.queries import begin, finish
from lsr.kernels.score_filter import new_scratch
from lsr.kernels.search import expected_ns, search_segment
from lsr.kernels.top_k import sort_best
from lsr.sparse import SparseBatch

Ranked = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Document numbers, -1 where a query has fewer hits, and scores, both of shape (n_queries, k)."""

_memory = threading.local()


class Plan(NamedTuple):
    """What is common to all queries of a search.

    Attributes:
        segments: in order, prepared for the queries.
        k: hits a query.
        algorithm: how to search.
        approximation: what to give up.
        step: weight of one impact unit.
    """

    segments: Sequence[Searchable]
    k: int
    algorithm: Algorithm
    approximation: Approximation
    step: float


def prepared(
    searches: Iterable[SegmentSearch], terms: NDArray[np.uint32], where: Filter | None
) -> list[Searchable]:
    """Return segments ready to be searched for terms.

    Raises:
        CorruptIndexError: a posting list is damaged.
    """
    segments = []
    for search in searches:
        segment = search.searchable(where)
        if expected_ns(segment.bound, terms) == np.inf:
            search.prepare(terms)
        segments.append(segment)
    return segments


def rank_by_impacts(
    queries: SparseBatch, stops: NDArray[np.uint8], floors: NDArray[np.float64], plan: Plan
) -> Ranked:
    """Rank by integer sums of query weight times impact, then scale the sums back to weights.

    Args:
        queries: the queries.
        stops: shape (n_queries,), see `lsr.kernels.queries.Queries`.
        floors: shape (n_queries,), see `lsr.kernels.queries.begin`.
        plan: what is common to them.
    """
    under_way = begin(
        queries.indptr, queries.terms, queries.weights, plan.k, stops, floors, plan.step
    )
    scratch = _thread_scratch()
    approximation = plan.approximation
    for segment in plan.segments:
        search_segment(
            segment.bound,
            under_way,
            scratch,
            int(plan.algorithm),
            approximation.bound_factor,
            approximation.max_ranges or 0,
        )
    return finish(under_way, plan.step)


def rank_by_weights(
    queries: SparseBatch, stops: NDArray[np.uint8], floors: NDArray[np.float64], plan: Plan
) -> Ranked:
    """Rank by float32 sums of query weight times document weight, in the order of the terms.

    Args:
        queries: the queries.
        stops: shape (n_queries,); a query is stopped at the next segment.
        floors: not looked at, as every document is scored anyway.
        plan: what is common to them.
    """
    doc_numbers = np.full((len(queries), plan.k), -1, dtype=np.int64)
    scores = np.zeros((len(queries), plan.k), dtype=np.float64)
    range_scores = np.empty(RANGE_SIZE, dtype=np.float32)
    offsets = np.empty(RANGE_SIZE, dtype=np.uint16)
    for number, (terms, weights) in enumerate(queries.rows()):
        size = 0
        for view, _ in plan.segments:
            if stops[number]:
                break
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


def impacts_added() -> int:
    """Return how many impacts this thread's searches have added to scores until now.

    It is what searches cost on any machine; see `Scratch`.
    """
    return int(getattr(_memory, "n_added", [0])[0])


def _thread_scratch() -> Bound:
    """Return this thread's memory for searches; asking the system for it costs as much as one."""
    if not hasattr(_memory, "scratch"):
        scratch = new_scratch()
        _memory.scratch, _memory.n_added = bind(scratch), scratch.n_added
    bound: Bound = _memory.scratch
    return bound
