"""What is the layer norm of every token?

    out = (x - mean) / sqrt(variance + epsilon) * gamma + beta

Mean and variance are taken over the features of a token, in two passes: the variance is the mean
of (x - mean)^2, which loses no digits when the mean is large.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lsr.kernels._compile import kernel
from lsr.kernels.transformer.lanes import (
    VECTOR_BYTES,
    load,
    multiply_add,
    spread,
    square_root,
    store,
    zeros,
)
from lsr.kernels.transformer.layout import check_activations


def layer_norm_reference(
    x: NDArray[np.float32], gamma: NDArray[np.float32], beta: NDArray[np.float32], epsilon: float
) -> NDArray[np.float64]:
    """Say in NumPy, with 64 bits, what `layer_norm` must write."""
    wide = x.astype(np.float64)
    centred = wide - wide.mean(axis=0)
    deviation = np.sqrt((centred**2).mean(axis=0) + epsilon)
    return centred / deviation * gamma[:, None] + beta[:, None]


def layer_norm(
    x: NDArray[np.float32],
    gamma: NDArray[np.float32],
    beta: NDArray[np.float32],
    epsilon: float,
    out: NDArray[np.float32],
) -> None:
    """Write the layer norm of every token.

    Args:
        x: shape (n_features, padded tokens).
        gamma: shape (n_features,), factor of each feature.
        beta: shape (n_features,), added to each feature.
        epsilon: added to the variance.
        out: shape of x, overwritten; may be x itself.
    """
    check_activations("x", x, gamma.size, x.shape[1])
    check_activations("out", out, *x.shape)
    normalize(x, gamma, beta, np.float32(epsilon), out)


@kernel
def normalize(
    x: NDArray[np.float32],
    gamma: NDArray[np.float32],
    beta: NDArray[np.float32],
    epsilon: np.float32,
    out: NDArray[np.float32],
) -> None:
    """Do what `layer_norm` says; for other kernels."""
    n_features, row_bytes = x.shape[0], 4 * x.shape[1]
    share = spread(np.float32(1) / np.float32(n_features))
    for first in range(0, row_bytes, VECTOR_BYTES):
        source, target = x.ctypes.data + first, out.ctypes.data + first
        # 1. Mean.
        total = zeros()
        for feature in range(n_features):
            total = total + load(source + feature * row_bytes)
        mean = total * share
        # 2. Variance.
        squares = zeros()
        for feature in range(n_features):
            centred = load(source + feature * row_bytes) - mean
            squares = multiply_add(centred, centred, squares)
        variance = multiply_add(squares, share, spread(epsilon))
        # 3. Output.
        factor = spread(np.float32(1)) / square_root(variance)
        for feature in range(n_features):
            centred = (load(source + feature * row_bytes) - mean) * factor
            scaled = multiply_add(centred, spread(gamma[feature]), spread(beta[feature]))
            store(target + feature * row_bytes, scaled)
