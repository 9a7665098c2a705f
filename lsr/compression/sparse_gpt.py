"""Which weights go, and how do the others make up for it? By second-order error, column by column.

With H = mean of x x^T, removing weight w_j of a row costs ``w_j^2 / [H^-1]_jj``, and the error is
least if the columns after it change by ``-w_j / [H^-1]_jj`` times row j of H^-1, where H^-1 is that
of the columns from j on. The rows of the Cholesky factor of H^-1 are these rows, already divided by
the roots of their diagonals.

Paper: E. Frantar, D. Alistarh, "SparseGPT: Massive Language Models Can Be Accurately Pruned in
One-Shot", ICML 2023, algorithm 1. Here every row, or every four rows of blocks, lose equally many
weights in each block of columns, where the paper ranks a whole block of columns together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lsr.compression.patterns import Pattern
from lsr.compression.scores import Doubles, Floats

BLOCK_COLUMNS = 128
"""Columns whose mask is chosen together; after them, the others are brought up to date."""

DAMPING = 0.01
"""Share of the mean diagonal that is added to it, so that H has an inverse."""


def sparse_gpt(weight: Floats, products: Doubles, pattern: Pattern, sparsity: float) -> Floats:
    """Return the weights that are left, changed to make up for those removed.

    Args:
        weight: shape (n_rows, n_columns).
        products: shape (n_columns, n_columns), sum or mean of ``x x^T``; how large does not matter.
        pattern: what is removed together.
        sparsity: share of every row.
    """
    factor = _factor(products)
    left = weight.astype(np.float64)
    step = pattern.group or BLOCK_COLUMNS
    for first in range(0, left.shape[1], step):
        last = min(first + step, left.shape[1])
        some = left[:, first:last]
        scores = np.square(some / np.diag(factor)[first:last])
        kept = pattern.kept(scores, sparsity)
        errors = np.zeros_like(some)
        for column in range(last - first):
            row = factor[first + column, first:last]
            gone = np.where(kept[:, column], 0, some[:, column])
            errors[:, column] = gone / row[column]
            some[:, column:] -= np.outer(errors[:, column], row[column:])
        some[~kept] = 0  # exactly, not to the last bit of a subtraction
        left[:, last:] -= errors @ factor[first:last, last:]
    return left.astype(np.float32)


def _factor(products: Doubles) -> NDArray[np.float64]:
    """Return the upper Cholesky factor of the inverse of the damped products."""
    damped = products.astype(np.float64)
    diagonal = np.diag(damped).copy()
    diagonal[diagonal == 0] = 1  # an input that is always zero
    np.fill_diagonal(damped, diagonal + DAMPING * diagonal.mean())
    factor: NDArray[np.float64] = np.linalg.cholesky(np.linalg.inv(damped)).T
    return factor
