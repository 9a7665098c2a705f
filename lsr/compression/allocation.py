"""How much does each matrix lose, if all together lose so much? Four ways to share it out.

    uniform   as much of each
    erk       more of large ones: what stays is proportional to (rows + columns) / (rows * columns)
    owl       less of those with many weights that count far more than others
    knapsack  by what it costs in error and brings in time, both measured

The first three keep the same number of weights. The fourth keeps the time that the first would
take, and makes the sum of the matrices' errors, each alone and in parts of its outputs, the least
that is possible in it.

Papers: U. Evci et al., "Rigging the Lottery", ICML 2020, section 3.1 (Erdos-Renyi-Kernel); L. Yin
et al., "Outlier Weighed Layerwise Sparsity (OWL)", ICML 2024, section 3; the knapsack is the
multiple-choice one, over measured times where others take numbers of weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lsr.compression.scores import Doubles

OUTLIER_FACTOR = 5.0
"""A weight that counts so many times more than the mean one is an outlier."""

OWL_RANGE = 0.16
"""How far apart the sparsities of two matrices may be by their outliers."""

BINS = 2000
"""Into so many parts the time of all matrices is cut to weigh it."""


def erk(shapes: Sequence[tuple[int, int]], sparsity: float) -> Doubles:
    """Return the sparsity of matrices of these shapes."""
    rows, columns = np.array(shapes, dtype=np.float64).T
    sizes = rows * columns
    density = (rows + columns) / sizes
    is_whole = np.zeros(len(shapes), dtype=np.bool_)
    # What would be kept more than whole is kept whole, and the others share the rest.
    while True:
        left = (1 - sparsity) * sizes.sum() - sizes[is_whole].sum()
        scale = left / max((density * sizes)[~is_whole].sum(), 1e-300)
        found = np.where(is_whole, 1.0, scale * density)
        if (found <= 1 + 1e-12).all():
            return np.array(1 - np.minimum(found, 1), dtype=np.float64)
        is_whole |= found > 1


def outlier_share(scores: Doubles) -> float:
    """Return the share of the weights of a matrix that are outliers by their scores."""
    return float((scores > OUTLIER_FACTOR * scores.mean()).mean())


def owl(outliers: Sequence[float], sizes: Sequence[int], sparsity: float) -> Doubles:
    """Return the sparsity of matrices with these shares of outliers.

    Args:
        outliers: from `outlier_share`.
        sizes: weights of each.
        sparsity: of all together.
    """
    shares = np.array(outliers)
    spread = shares.max() - shares.min()
    more = OWL_RANGE * (shares - shares.min()) / spread if spread else np.zeros_like(shares)
    density = 1 - sparsity + more - np.average(more, weights=sizes)
    return np.array(1 - np.clip(density, 0, 1), dtype=np.float64)


def knapsack(errors: Doubles, costs: Doubles, uniform: int) -> list[int]:
    """Return the level of each matrix.

    Args:
        errors: shape (n_matrices, n_levels), of each matrix at each level.
        costs: the same shape, what each takes; above zero.
        uniform: the level whose cost, of all matrices together, is not to be exceeded.
    """
    bins = np.rint(costs * (BINS / costs[:, uniform].sum())).astype(np.int64)
    room = int(bins[:, uniform].sum())
    least = np.zeros(room + 1)  # error of the matrices so far, by the room that they may take
    chosen = []
    for own_errors, own_bins in zip(errors, bins, strict=True):
        options = np.full((own_errors.size, room + 1), np.inf)
        for level, (error, taken) in enumerate(zip(own_errors, own_bins.tolist(), strict=True)):
            if taken <= room:
                options[level, taken:] = least[: room + 1 - taken] + error
        chosen.append(options.argmin(axis=0))
        least = options.min(axis=0)
    levels = []
    for own_bins, by_room in zip(bins[::-1], chosen[::-1], strict=True):
        level = int(by_room[room])
        levels.append(level)
        room -= int(own_bins[level])
    return levels[::-1]
