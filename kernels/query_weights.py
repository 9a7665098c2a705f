"""How do the float weights of queries become integers?

    integer = max(1, round(weight * scale))

with the largest scale for which no integer of the query exceeds 65,535 and no score 32 bits.
Weights that are such integers already are left as they are.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

MAX_IMPACT = 255
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


def quantize_queries(
    indptr: NDArray[np.int64], weights: NDArray[np.float32]
) -> tuple[NDArray[np.uint32], NDArray[np.float64]]:
    """Return the integer weights of queries, and each query's weight of one unit.

    Args:
        indptr: shape (n_queries + 1,), rows of `weights`.
        weights: above zero.
    """
    integers, steps = np.empty(weights.size, dtype=np.uint32), np.ones(indptr.size - 1)
    _quantize_queries(indptr, weights, integers, steps)
    return integers, steps


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _quantize_queries(
    indptr: NDArray[np.int64],
    weights: NDArray[np.float32],
    integers: NDArray[np.uint32],
    steps: NDArray[np.float64],
) -> None:
    for query in range(indptr.size - 1):
        begin, end = indptr[query], indptr[query + 1]
        largest, total, is_whole = 0.0, 0.0, True
        for position in range(begin, end):
            weight = np.float64(weights[position])
            largest = max(largest, weight)
            total += weight
            is_whole = is_whole and weight == np.floor(weight)
        scale = 1.0
        if begin < end and not (
            is_whole and largest <= MAX_QUERY_WEIGHT and total <= MAX_WEIGHT_SUM
        ):
            scale = min(MAX_QUERY_WEIGHT / largest, (MAX_WEIGHT_SUM - (end - begin)) / total)
            steps[query] = 1.0 / scale
        for position in range(begin, end):
            integers[position] = max(1.0, np.rint(np.float64(weights[position]) * scale))
