"""How do float32 numbers become bytes? Weights row by row, activations token by token.

Weights are symmetric, scale * q with q in [-127, 127], so that their sum of products needs no
correction for the weights. Activations use all 256 steps between the smallest and the largest
feature of the token: scale * q + low. After GELU nearly all of them are above zero; a symmetric
range would waste half of its steps there.

The steps of a token are as wide as its widest feature asks for. So each feature is moved and scaled
first, by numbers that belong to the matrix it will be multiplied with (matrix_int8.py).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lsr.errors import InvalidInputError
from lsr.kernels._compile import kernel
from lsr.kernels.transformer.lanes import (
    VECTOR_BYTES,
    load,
    maximum,
    minimum,
    nearest,
    spread,
    store,
    store_bytes,
    zeros,
)
from lsr.kernels.transformer.layout import check_activations

GROUP = 4
"""Neighbouring features whose bytes lie together: one instruction sums four products."""

SMALLEST_SCALE = np.float32(1e-30)
"""Keeps the scale of a token without range above zero, and its reciprocal finite."""


class QuantizedActivations(NamedTuple):
    """Activations as bytes: ``x = scale * value + low``.

    Attributes:
        values: shape (n_groups, padded tokens, GROUP), ``values[g, t, i]`` is feature
            ``GROUP * g + i`` of token ``t``. Beyond the last feature, where weights are zero, the
            last one is repeated.
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
    largest[largest == 0] = 1
    scales = largest / np.float32(127)
    return np.rint(weight / scales[:, None]).astype(np.int8), scales


def new_quantized(n_features: int, n_padded_tokens: int) -> QuantizedActivations:
    """Allocate what `quantize` writes."""
    n_groups = -(-n_features // GROUP)
    return QuantizedActivations(
        np.zeros((n_groups, n_padded_tokens, GROUP), dtype=np.uint8),
        np.ones(n_padded_tokens, dtype=np.float32),
        np.zeros(n_padded_tokens, dtype=np.float32),
    )


def check_quantized(name: str, x: QuantizedActivations, n_groups: int, n_tokens: int) -> None:
    """Refuse activations of another shape; `new_quantized` allocates the right one."""
    if x.values.shape != (n_groups, n_tokens, GROUP) or x.scales.size != n_tokens:
        raise InvalidInputError(
            f"{name} must have {n_groups} groups of features and {n_tokens} tokens, "
            f"but its values are of shape {x.values.shape}."
        )


def quantize_reference(
    x: NDArray[np.float32], factors: NDArray[np.float32], shifts: NDArray[np.float32]
) -> QuantizedActivations:
    """Say in NumPy what `quantize` must write: the nearest of 256 steps, ties to even."""
    quantized = new_quantized(*x.shape)
    x = x * factors[:, None] + shifts[:, None]
    lows = x.min(axis=0)
    span = x.max(axis=0) - lows
    scales = np.maximum(span * np.float32(1 / 255), SMALLEST_SCALE)
    steps = np.minimum(np.rint((x - lows) * (np.float32(1) / scales)), 255).astype(np.uint8)
    padded = np.pad(steps, ((0, -x.shape[0] % GROUP), (0, 0)), mode="edge")
    quantized.values[:] = padded.reshape(-1, GROUP, x.shape[1]).transpose(0, 2, 1)
    quantized.scales[:] = scales
    quantized.lows[:] = lows
    return quantized


def quantize(
    x: NDArray[np.float32],
    factors: NDArray[np.float32],
    shifts: NDArray[np.float32],
    out: QuantizedActivations,
) -> None:
    """Round ``factors * x + shifts`` to bytes, token by token.

    Args:
        x: shape (n_features, padded tokens), finite.
        factors: shape (n_features,).
        shifts: shape (n_features,).
        out: from `new_quantized` with the shape of x, overwritten.
    """
    check_activations("x", x, factors.size, x.shape[1])
    check_quantized("out", out, -(-x.shape[0] // GROUP), x.shape[1])
    _quantize(x, factors, shifts, *out)


@kernel
def _quantize(
    x: NDArray[np.float32],
    factors: NDArray[np.float32],
    shifts: NDArray[np.float32],
    values: NDArray[np.uint8],
    scales: NDArray[np.float32],
    lows: NDArray[np.float32],
) -> None:
    n_features, n_tokens = x.shape
    row_bytes = 4 * n_tokens
    for first in range(0, row_bytes, VECTOR_BYTES):
        column = x.ctypes.data + first
        # 1. The range of 16 tokens over their features.
        low = high = load(column) * spread(factors[0]) + spread(shifts[0])
        for feature in range(1, n_features):
            one = load(column + feature * row_bytes)
            one = one * spread(factors[feature]) + spread(shifts[feature])
            low, high = minimum(low, one), maximum(high, one)
        scale = (high - low) * spread(np.float32(1 / 255))
        # A token whose features are all equal has no range; any scale above zero will do.
        scale = maximum(scale, spread(SMALLEST_SCALE))
        store(scales.ctypes.data + first, scale)
        store(lows.ctypes.data + first, low)
        # 2. The nearest step of each feature, four features to a group.
        steps_per_unit = spread(np.float32(1)) / scale
        steps = zeros(), zeros(), zeros(), zeros()
        for group in range(values.shape[0]):
            for place in range(GROUP):
                feature = min(GROUP * group + place, n_features - 1)
                one = load(column + feature * row_bytes)
                one = one * spread(factors[feature]) + spread(shifts[feature])
                step = minimum(nearest((one - low) * steps_per_unit), spread(np.float32(255)))
                steps = steps[1], steps[2], steps[3], step
            target = values.ctypes.data + group * row_bytes + first
            store_bytes(target, steps[0], steps[1], steps[2], steps[3])
