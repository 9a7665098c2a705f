"""What is the layer norm of every token?

    out = (x - mean) / sqrt(variance + epsilon) * gamma + beta

Mean and variance are taken over the features of a token, in two passes: the variance is the mean
of (x - mean)^2, which loses no digits when the mean is large.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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
    out[:] = layer_norm_reference(x, gamma, beta, epsilon)
