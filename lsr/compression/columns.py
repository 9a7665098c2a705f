"""Which columns of a matrix can go with what makes them, and how do the others make up for it?

A feed-forward neuron is a column of `down`, an attention head some columns of `out`. With C the
covariance of what goes in, the columns S that stay give most nearly what all gave if

    W' = W C[:, S] C[S, S]^-1        b' = b + (W - W') mean

and the error grows by ``tr(V (B_gg)^-1 V^T)`` if a group g of columns goes too, where V are the
columns g of W' and B is C[S, S]^-1. The groups of the least error go, in rounds, after each of
which errors are computed anew.

Paper: E. Kurtic, E. Frantar, D. Alistarh, "ZipLM: Inference-Aware Structured Pruning of Language
Models", NeurIPS 2023, section 3.1, on B. Hassibi, D. Stork, "Second Order Derivatives for Network
Pruning: Optimal Brain Surgeon", NIPS 1992. Here the bias takes the mean, so that only deviations
from it are an error.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lsr.compression.scores import Doubles, Floats, InputStatistics

DAMPING = 0.01
"""Share of the mean variance that is added to every variance, so that C has an inverse."""

ROUNDS = 16

Numbers = NDArray[np.int64]


def columns_of(groups: Numbers, width: int) -> Numbers:
    """Return the columns of groups, of `width` neighbouring columns each."""
    return (groups[:, None] * width + np.arange(width)).reshape(-1)


def kept_groups(
    weight: Floats, inputs: InputStatistics, width: int, n_removed: int
) -> tuple[Numbers, Doubles]:
    """Return the groups of columns that stay, rising, and what the removal of each would cost.

    Args:
        weight: shape (n_rows, n_groups * width).
        inputs: what goes into it.
        width: columns of a group.
        n_removed: groups that go.

    Returns:
        Those that stay; and for every group there is the squared error, a token, that the outputs
        would have if it alone went.
    """
    damped = _damped(inputs)
    kept = np.arange(weight.shape[1] // width)
    alone = _errors(weight, damped, kept, width)
    for some in np.array_split(np.arange(n_removed), min(ROUNDS, max(1, n_removed))):
        errors = _errors(weight, damped, kept, width)
        kept = np.sort(kept[np.argsort(errors, kind="stable")[some.size :]])
    return kept, alone


def refitted(
    weight: Floats, bias: Floats, inputs: InputStatistics, kept: Numbers
) -> tuple[Floats, Floats]:
    """Return a matrix of some columns, and its bias, that gives most nearly what all gave.

    Args:
        weight: shape (n_rows, n_columns).
        bias: shape (n_rows,).
        inputs: what goes into it.
        kept: columns that stay.

    Returns:
        shapes (n_rows, kept.size) and (n_rows,).
    """
    left = _refitted(weight, _damped(inputs), kept)[0].astype(np.float32)
    means = inputs.means
    moved = weight @ means - left @ means[kept]
    return left, bias + moved.astype(np.float32)


def _errors(weight: Floats, damped: Doubles, kept: Numbers, width: int) -> Doubles:
    left, inverse = _refitted(weight, damped, columns_of(kept, width))
    blocks = inverse.reshape(kept.size, width, kept.size, width)
    own = blocks[np.arange(kept.size), :, np.arange(kept.size)]
    groups = left.T.reshape(kept.size, width, -1)
    found: Doubles = (groups * np.linalg.solve(own, groups)).sum(axis=(1, 2))
    return found


def _refitted(weight: Floats, damped: Doubles, kept: Numbers) -> tuple[Doubles, Doubles]:
    """Return the weights of the columns that stay, and the inverse of their covariance."""
    inverse: Doubles = np.linalg.inv(damped[np.ix_(kept, kept)]).astype(np.float64)
    return weight @ damped[:, kept] @ inverse, inverse


def _damped(inputs: InputStatistics) -> Doubles:
    damped = inputs.covariance
    diagonal = np.diag(damped)
    least = DAMPING * diagonal.mean() or 1.0  # inputs that never change
    np.fill_diagonal(damped, diagonal + least)
    return damped
