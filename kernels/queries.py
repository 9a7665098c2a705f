"""What is known of queries while segments are searched? Their terms and their best documents."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lsr.kernels._compile import kernel
from lsr.kernels.bound import Bound
from lsr.kernels.query_weights import quantize_queries
from lsr.kernels.top_k import sort_best


class Queries(NamedTuple):
    """Queries for k hits each; their best documents so far are heaps (`top_k`).

    Attributes:
        indptr: shape (n_queries + 1,), rows of `terms` and `weights`.
        terms: terms of all queries, distinct in each.
        weights: their integer weights, above zero; no score exceeds 32 bits.
        steps: shape (n_queries,), each query's weight of one unit.
        scores: shape (n_queries, k), of the best documents.
        docs: shape (n_queries, k), their numbers.
        sizes: shape (n_queries,), entries of the heaps in use.
        thresholds: shape (n_queries,), at least k documents are known to score more, or 0.
        stops: shape (n_queries,), set above 0, by whichever thread, to end a query's search at the
            next range of documents; what it has found then is worth nothing.
    """

    indptr: NDArray[np.int64]
    terms: NDArray[np.uint32]
    weights: NDArray[np.uint32]
    steps: NDArray[np.float64]
    scores: NDArray[np.int64]
    docs: NDArray[np.int64]
    sizes: NDArray[np.int64]
    thresholds: NDArray[np.int64]
    stops: NDArray[np.uint8]


@kernel
def begin(
    indptr: NDArray[np.int64],
    terms: NDArray[np.uint32],
    weights: NDArray[np.float32],
    k: int,
    stops: NDArray[np.uint8],
    floors: NDArray[np.float64],
    step: float,
) -> Bound:
    """Return `Queries` for which nothing was searched yet.

    Args:
        indptr: shape (n_queries + 1,), rows of `terms` and `weights`.
        terms: terms of all queries, distinct in each.
        weights: their weights, above zero.
        k: hits of each query.
        stops: shape (n_queries,), see `Queries`.
        floors: shape (n_queries,), a score that k documents elsewhere are known to reach, so that
            only those that reach it as well count; 0 where nothing is known.
        step: weight of one impact unit, as `finish` gets it.
    """
    n_queries = indptr.size - 1
    integers, steps = quantize_queries(indptr, weights)
    thresholds = np.zeros(n_queries, dtype=np.int64)
    for query in np.flatnonzero(floors):
        # A floor is a whole number of units, but for the rounding of `finish`.
        thresholds[query] = np.int64(np.rint(floors[query] / (steps[query] * step))) - 1
    return Bound(
        Queries(
            indptr,
            terms,
            integers,
            steps,
            np.empty((n_queries, k), dtype=np.int64),
            np.empty((n_queries, k), dtype=np.int64),
            np.zeros(n_queries, dtype=np.int64),
            thresholds,
            stops,
        )
    )


@kernel
def finish(bound: Bound, step: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the best documents of each query and their scores, best first.

    Args:
        bound: `Queries`, which are of no use afterwards.
        step: weight of one impact unit.

    Returns:
        Document numbers, -1 where a query has fewer hits, and scores, 0 there, both of shape
        (n_queries, k).
    """
    queries = bound.value
    scores = np.zeros(queries.scores.shape, dtype=np.float64)
    for query in range(queries.sizes.size):
        size, unit = queries.sizes[query], queries.steps[query] * step
        sort_best(queries.scores[query], queries.docs[query], size)
        for place in range(size):
            scores[query, place] = queries.scores[query, place] * unit
        queries.docs[query, size:] = -1
    return queries.docs, scores
