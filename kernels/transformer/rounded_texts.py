"""How do the tokens of a text become bytes of one scale, and how far off are they?

The products of such tokens with a term are ordered like their sums of bytes, so that the largest is
found among integers. The price is that a wild token spoils the steps of all others of its text.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from lsr.kernels.transformer.lanes import (
    LANES,
    VECTOR_BYTES,
    largest_lane,
    load_first,
    maximum,
    minimum,
    multiply_add,
    nearest,
    spread,
    square_root,
    store_bytes,
    zeros,
)
from lsr.kernels.transformer.quantization import GROUP, SMALLEST_SCALE

UNIT = 2.0**-24
"""Largest relative error of one float32 operation."""


class RoundedTexts(NamedTuple):
    """Texts as bytes: ``x' = scale * byte + low`` stands for a token x.

    Attributes:
        values: shape (n_vectors, n_groups, LANES, GROUP); each text starts a vector of tokens, and
            fills its last one with a token it has.
        firsts: shape (n_texts + 1,), first vector of each text.
        n_tokens: shape (n_texts,).
        scales: shape (n_texts,).
        lows: shape (n_texts,), the smallest number of each text.
        reaches: shape (n_texts,), at least the length of x for every token.
        errors: shape (n_texts,), at least the length of x - x' for every token, and so much more
            that it covers the rounding of whoever multiplies x or x' in float32.
    """

    values: NDArray[np.uint8]
    firsts: NDArray[np.int64]
    n_tokens: NDArray[np.int64]
    scales: NDArray[np.float32]
    lows: NDArray[np.float32]
    reaches: NDArray[np.float32]
    errors: NDArray[np.float32]


@numba.njit(nogil=True, error_model="numpy")
def round_texts(x: NDArray[np.float32], starts: NDArray[np.int64]) -> RoundedTexts:
    """Round each text to 256 steps between its smallest and its largest number.

    Args:
        x: shape (n_features, padded tokens), finite.
        starts: shape (n_texts + 1,), first column of each text and one past the last.
    """
    depth, n_texts = x.shape[0], starts.size - 1
    firsts = np.zeros(n_texts + 1, dtype=np.int64)
    for text in range(n_texts):
        firsts[text + 1] = firsts[text] - (starts[text] - starts[text + 1]) // LANES
    shape = (firsts[n_texts], -(-depth // GROUP), LANES, GROUP)
    values = np.empty(shape, dtype=np.uint8)
    scales, lows, reaches, errors = np.zeros((4, n_texts), dtype=np.float32)
    for text in range(n_texts):
        if starts[text] == starts[text + 1]:
            continue
        low, high = _range(x, starts[text], starts[text + 1])
        scale = max((high - low) * np.float32(1 / 255), SMALLEST_SCALE)
        place = values.ctypes.data + firsts[text] * values.shape[1] * VECTOR_BYTES
        reach, error = _round_text(x, starts[text], starts[text + 1], low, scale, place)
        # |x'| is at most its largest number times sqrt(depth); so is what it is computed of.
        largest = (np.float32(255) * scale + abs(low)) * np.float32(math.sqrt(depth)) + reach
        scales[text], lows[text], reaches[text] = scale, low, reach * np.float32(1 + 1e-5)
        errors[text] = error * np.float32(1 + 1e-5) + np.float32(UNIT * (depth + 16)) * largest
    return RoundedTexts(values, firsts, np.diff(starts), scales, lows, reaches, errors)


@numba.njit(nogil=True, error_model="numpy")
def _range(x: NDArray[np.float32], begin: int, end: int) -> tuple[np.float32, np.float32]:
    """Return the smallest and the largest number of a text."""
    minus_low = high = spread(np.float32(-np.inf))
    for token in range(begin, end, LANES):
        for feature in range(x.shape[0]):
            one = load_first(x.ctypes.data + 4 * (feature * x.shape[1] + token), end - token)
            minus_low, high = maximum(minus_low, zeros() - one), maximum(high, one)
    return -largest_lane(minus_low), largest_lane(high)


@numba.njit(nogil=True, error_model="numpy")
def _round_text(
    x: NDArray[np.float32],
    begin: int,
    end: int,
    low: np.float32,
    scale: np.float32,
    target: int,
) -> tuple[np.float32, np.float32]:
    """Write the bytes of a text to an address; return the largest lengths of x and of x - x'."""
    lowest, unit, steps_per_unit = spread(low), spread(scale), spread(np.float32(1) / scale)
    last = x.shape[0] - 1
    reach, error = zeros(), zeros()
    for token in range(begin, end, LANES):
        column = x.ctypes.data + 4 * token
        squares, off_squares = zeros(), zeros()
        steps = zeros(), zeros(), zeros(), zeros()
        for group in range(-(-x.shape[0] // GROUP)):
            for place in range(GROUP):
                feature = min(GROUP * group + place, last)
                one = load_first(column + 4 * feature * x.shape[1], end - token)
                step = minimum(nearest((one - lowest) * steps_per_unit), spread(np.float32(255)))
                if GROUP * group + place <= last:
                    off = one - multiply_add(step, unit, lowest)
                    squares = multiply_add(one, one, squares)
                    off_squares = multiply_add(off, off, off_squares)
                steps = steps[1], steps[2], steps[3], step
            store_bytes(target, steps[0], steps[1], steps[2], steps[3])
            target += VECTOR_BYTES
        reach, error = maximum(reach, squares), maximum(error, off_squares)
    return largest_lane(square_root(reach)), largest_lane(square_root(error))
