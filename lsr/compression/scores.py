"""Which weights matter least? Three scores of every weight, from its size and its inputs.

Papers: M. Sun, Z. Liu, A. Bair, J. Z. Kolter, "A Simple and Effective Pruning Approach for Large
Language Models" (Wanda), ICLR 2024: ``|w_ij| |x_j|``. S. Han, J. Pool, J. Tran, W. Dally, "Learning
both Weights and Connections for Efficient Neural Networks", NIPS 2015, for sizes alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(slots=True)
class InputStatistics:
    """What went into a matrix, summed over the tokens of many texts.

    Attributes:
        n_features: columns of the matrix.
        n_tokens: counted so far.
        total: shape (n_features,), sum of the inputs.
        products: shape (n_features, n_features), sum of ``x x^T``.
    """

    n_features: int
    n_tokens: int = 0
    total: Doubles = field(init=False)
    products: Doubles = field(init=False)

    def __post_init__(self) -> None:
        self.total = np.zeros(self.n_features)
        self.products = np.zeros((self.n_features, self.n_features))

    def add(self, x: Floats) -> None:
        """Count inputs, shape (n_features, n_tokens)."""
        self.n_tokens += x.shape[1]
        self.total += x.sum(axis=1, dtype=np.float64)
        self.products += (x @ x.T).astype(np.float64)

    @property
    def means(self) -> Doubles:
        """Mean of each feature."""
        return self.total / max(1, self.n_tokens)

    @property
    def covariance(self) -> Doubles:
        """Mean of ``(x - mean) (x - mean)^T``."""
        means = self.means
        return self.products / max(1, self.n_tokens) - np.outer(means, means)

    @property
    def lengths(self) -> Doubles:
        """Root of the mean square of each feature."""
        return np.sqrt(np.diag(self.products) / max(1, self.n_tokens))


def magnitude(weight: Floats) -> Doubles:
    """Return the squared size of every weight, so that blocks add up to their energy."""
    return np.square(weight.astype(np.float64))


def wanda(weight: Floats, inputs: InputStatistics) -> Doubles:
    """Return the squared size of every weight times that of its input."""
    return magnitude(weight) * np.square(inputs.lengths)


def at_random(weight: Floats, random: np.random.Generator) -> Doubles:
    """Return scores that know nothing: what no better method should be mistaken for."""
    return random.random(weight.shape)
