"""How do the float weights of queries become integers?

    integer = max(1, round(weight * scale))

with the largest scale for which no integer of the query exceeds 65,535 and no score 32 bits.
Weights that are such integers already are left as they are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lsr.kernels._compile import kernel
from lsr.kernels.search_reference import MAX_QUERY_WEIGHT, MAX_WEIGHT_SUM


@kernel
def quantize_queries(
    indptr: NDArray[np.int64], weights: NDArray[np.float32]
) -> tuple[NDArray[np.uint32], NDArray[np.float64]]:
    """Return the integer weights of queries, and each query's weight of one unit.

    Args:
        indptr: shape (n_queries + 1,), rows of `weights`.
        weights: above zero.
    """
    integers, steps = np.empty(weights.size, dtype=np.uint32), np.ones(indptr.size - 1)
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
    return integers, steps
