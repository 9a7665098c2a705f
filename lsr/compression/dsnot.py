"""Which removed weights had better stayed, and which others gone? Exchanged in pairs, by DSnoT.

With what was removed, a row lost a mean output: ``e = (w - w') mean(x)``, of the weights ``w`` as
they were and ``w'`` as they are. One exchange makes it smaller:

    grow   of the weights that are gone, the one that takes most of e away: the largest
           ``w_j mean(x_j) / var(x_j)`` in the direction of e
    prune  of those that are there and bring e back towards zero when they go, the one that Wanda
           would remove first

Blocks of four rows do so by the four rows' e together, where directions are those of vectors. N of
M neighbours are exchanged inside their group. No exchange leaves a larger e than there was, which
the paper allows; a row that has none left is done.

Paper: Y. Zhang et al., "Dynamic Sparse No Training: Training-Free Fine-tuning for Sparse LLMs",
ICLR 2024, section 3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.compression.patterns import Pattern
from lsr.compression.scores import Doubles, Floats, InputStatistics, wanda

CYCLES = 50
"""Exchanges of a row at most."""

ENOUGH = 0.1 / 2048
"""A mean output so far off is near enough: the paper's 0.1, summed over the tokens of a text."""

LEAST_VARIANCE = 1e-12
"""Of an input that never changes, so that it can be divided by."""


def refined(weight: Floats, pruned: Floats, inputs: InputStatistics, pattern: Pattern) -> Floats:
    """Return pruned weights of which some were exchanged with others that had been removed.

    Args:
        weight: shape (n_rows, n_columns), before anything was removed.
        pruned: the same, after; those that stayed may have changed.
        inputs: what goes into the matrix.
        pattern: by which it was pruned; still held by what is returned.
    """
    n_rows, n_columns = weight.shape
    missing = -n_rows % pattern.n_rows

    def in_strips(array: NDArray[Any]) -> NDArray[Any]:
        return np.pad(array, ((0, missing), (0, 0))).reshape(-1, pattern.n_rows, n_columns)

    before, after = in_strips(weight), in_strips(pruned)
    scores = in_strips(wanda(weight, inputs)).sum(axis=1)
    means = inputs.means
    variances = np.maximum(np.square(inputs.lengths) - np.square(means), LEAST_VARIANCE)
    groups = np.arange(n_columns) // (pattern.group or n_columns)
    strips = np.arange(len(after))
    for _ in range(CYCLES):
        own = before[strips], after[strips], scores[strips]
        exchanged, is_better = _exchanged(*own, means, variances, groups)
        strips = strips[is_better]
        after[strips] = exchanged[is_better]
    left: Floats = after.reshape(-1, n_columns)[:n_rows]
    return left


def _exchanged(
    before: Floats,
    after: Floats,
    scores: Doubles,
    means: Doubles,
    variances: Doubles,
    groups: NDArray[np.int64],
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return each strip with two columns of it exchanged, and where that makes it better.

    Args:
        before: shape (n_strips, rows of a strip, n_columns).
        after: the same, pruned.
        scores: shape (n_strips, n_columns), of Wanda.
        means: shape (n_columns,), of the inputs.
        variances: the same.
        groups: the same, numbers of the groups.
    """
    every = np.arange(len(after))
    is_kept = after.any(axis=1)
    # 1. What of all that is gone brings back most of the mean output that was lost?
    lost = (before - after) @ means
    gains = np.einsum("sr,src->sc", lost, before * means) / variances
    gains[is_kept] = -np.inf
    grown = gains.argmax(axis=1)
    # 2. What of all that is there may go in its place?
    still = lost - before[every, :, grown] * means[grown, None]
    back = after * means
    towards_zero = np.einsum("sr,src->sc", still, back)
    left = np.square(still).sum(axis=1, keepdims=True) + 2 * towards_zero
    left += np.square(back).sum(axis=1)
    error = np.square(lost).sum(axis=1)
    may_go = is_kept & (towards_zero < 0) & (left < error[:, None])
    may_go &= groups == groups[grown, None]
    gone = np.where(may_go, scores, np.inf).argmin(axis=1)
    # 3. Both.
    is_better = (gains[every, grown] > 0) & may_go[every, gone] & (error > ENOUGH**2)
    exchanged = after.copy()
    exchanged[every, :, grown] = before[every, :, grown]
    exchanged[every, :, gone] = 0
    return exchanged, is_better
