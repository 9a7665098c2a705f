"""What can be said of the inputs of a layer before a text is seen? Mean and spread of each feature.

A layer norm gives every feature the mean beta and the spread gamma. What a matrix makes of such
features is taken as normally distributed, with their means and spreads as if they were independent;
an activation changes both by an integral, which Gauss and Hermite take as a sum of some points.
Attention averages values, which leaves the means as they are and changes all spreads alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.native.layers import Norm
from lsr.kernels.transformer import (
    Activation,
    ExpectedInputs,
    multiply,
    new_activations,
    pack_matrix,
)

N_POINTS = 32
"""Points at which an activation is evaluated."""


def after_norm(norm: Norm) -> ExpectedInputs:
    """Return what a layer norm gives."""
    return ExpectedInputs(norm.beta, np.abs(norm.gamma))


def after_dense(
    inputs: ExpectedInputs,
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
    activation: Activation = Activation.NONE,
) -> ExpectedInputs:
    """Return what ``activation(W x + bias)`` gives.

    Args:
        inputs: of W.
        weight: W, shape (n_rows, n_columns).
        bias: shape (n_rows,).
        activation: what is applied to the product.
    """
    means = weight @ inputs.means + bias
    spreads = np.sqrt(np.square(weight) @ np.square(inputs.spreads))
    points, shares = np.polynomial.hermite_e.hermegauss(N_POINTS)
    x, values = new_activations(1, N_POINTS), new_activations(means.size, N_POINTS)
    x[0] = points
    multiply(pack_matrix(spreads[:, None], means), x, values, activation)
    shares /= shares.sum()
    new_means = values @ shares
    new_spreads = np.sqrt(np.square(values - new_means[:, None]) @ shares)
    return ExpectedInputs(new_means.astype(np.float32), new_spreads.astype(np.float32))
