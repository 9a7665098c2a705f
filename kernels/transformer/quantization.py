"""How do float32 numbers become bytes? Weights row by row, activations token by token.

Weights are symmetric, scale * q with q in [-127, 127], so that their sum of products needs no
correction for the weights. Activations use all 256 steps between the smallest and the largest
feature of the token: scale * q + low. After GELU nearly all of them are above zero; a symmetric
range would waste half of its steps there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

GROUP = 4
"""Neighbouring features whose bytes lie together: one instruction sums four products."""


class QuantizedActivations(NamedTuple):
    """Activations as bytes: ``x = scale * value + low``.

    Attributes:
        values: shape (n_groups, padded tokens, GROUP), ``values[g, t, i]`` is feature
            ``GROUP * g + i`` of token ``t``; 0 beyond the last feature.
        scales: shape (padded tokens,), above zero.
        lows: shape (padded tokens,), the smallest feature of each token.
    """

    values: NDArray[np.uint8]
    scales: NDArray[np.float32]
    lows: NDArray[np.float32]


def quantize_rows(
    weight: NDArray[np.float32],
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return the bytes of a matrix and the scale of each row, largest weight / 127."""
    largest = np.abs(weight).max(axis=1, initial=0.0).astype(np.float32)
    scales = np.where(largest > 0, largest, np.float32(1)) / np.float32(127)
    return np.rint(weight / scales[:, None]).astype(np.int8), scales


def new_quantized(n_features: int, n_padded_tokens: int) -> QuantizedActivations:
    """Allocate what `quantize` writes."""
    n_groups = -(-n_features // GROUP)
    return QuantizedActivations(
        np.zeros((n_groups, n_padded_tokens, GROUP), dtype=np.uint8),
        np.ones(n_padded_tokens, dtype=np.float32),
        np.zeros(n_padded_tokens, dtype=np.float32),
    )


def quantize_reference(x: NDArray[np.float32]) -> QuantizedActivations:
    """Say in NumPy what `quantize` must write: the nearest of 256 steps, ties to even."""
    quantized = new_quantized(*x.shape)
    lows = x.min(axis=0)
    span = x.max(axis=0) - lows
    scales = np.where(span > 0, span, np.float32(1)) * np.float32(1 / 255)
    steps = np.rint((x - lows) * (np.float32(1) / scales))
    padded = np.zeros((quantized.values.shape[0] * GROUP, x.shape[1]), dtype=np.uint8)
    padded[: x.shape[0]] = np.minimum(steps, 255)
    quantized.values[:] = padded.reshape(-1, GROUP, x.shape[1]).transpose(0, 2, 1)
    quantized.scales[:] = scales
    quantized.lows[:] = lows
    return quantized


def quantize(x: NDArray[np.float32], out: QuantizedActivations) -> None:
    """Round activations to bytes, token by token.

    Args:
        x: shape (n_features, padded tokens), finite.
        out: from `new_quantized` with the same shape, overwritten.
    """
    for target, values in zip(out, quantize_reference(x), strict=True):
        target[:] = values
