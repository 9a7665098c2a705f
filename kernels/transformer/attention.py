"""What does every token take from the others of its text?

For each head, with d features a head: ``out = v softmax(q^T k / sqrt(d))``, over the tokens of one
text. Texts stand side by side in the same rows, so there is no padding and no mask.

Paper: A. Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.2.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from lsr.kernels._compile import kernel
from lsr.kernels.transformer.functions import exp
from lsr.kernels.transformer.lanes import (
    LANES,
    VECTOR_BYTES,
    load,
    load_first,
    maximum,
    spread,
    store,
    store_first,
    zeros,
)
from lsr.kernels.transformer.layout import check_activations, check_starts
from lsr.kernels.transformer.strips import PANEL_VECTORS, STRIP_ROWS, float_strip

PANEL_TOKENS = PANEL_VECTORS * LANES


def attend_reference(
    q: NDArray[np.float32],
    k: NDArray[np.float32],
    v: NDArray[np.float32],
    starts: NDArray[np.int64],
    n_heads: int,
) -> NDArray[np.float64]:
    """Say in NumPy, with 64 bits, what `attend` must write; padding is zero."""
    out = np.zeros(q.shape, dtype=np.float64)
    size = q.shape[0] // n_heads
    for begin, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        for head in range(n_heads):
            part = slice(head * size, (head + 1) * size), slice(begin, end)
            scores = k[part].astype(np.float64).T @ q[part] / np.sqrt(size)
            shares = np.exp(scores - scores.max(axis=0, initial=-np.inf))
            out[part] = v[part] @ (shares / shares.sum(axis=0))
    return out


def attend(
    q: NDArray[np.float32],
    k: NDArray[np.float32],
    v: NDArray[np.float32],
    starts: NDArray[np.int64],
    n_heads: int,
    out: NDArray[np.float32],
) -> None:
    """Write what every token takes from the tokens of its own text.

    Args:
        q: queries, shape (n_heads * d, padded tokens); rows ``head * d`` to ``(head + 1) * d``
            belong to one head. Like k and v it may be a slice of rows of one larger array.
        k: keys, shape of q.
        v: values, shape of q.
        starts: shape (n_texts + 1,), first column of each text and one past the last.
        n_heads: divides the rows of q.
        out: shape of q, overwritten in the columns of the texts; shares no memory with the others.
    """
    for name, x in (("q", q), ("k", k), ("v", v), ("out", out)):
        check_activations(name, x, *q.shape)
    check_starts(starts, q.shape[1])
    _attend(q, k, v, starts, n_heads, out)


@kernel
def _attend(
    q: NDArray[np.float32],
    k: NDArray[np.float32],
    v: NDArray[np.float32],
    starts: NDArray[np.int64],
    n_heads: int,
    out: NDArray[np.float32],
) -> None:
    size = q.shape[0] // n_heads
    longest = 0
    for text in range(starts.size - 1):
        longest = max(longest, starts[text + 1] - starts[text])
    # Copies of one head and text, padded to whole strips: no neighbour is read, and rows are near.
    n_keys = -(-longest // LANES) * LANES
    keys = np.empty((size, n_keys), dtype=np.float32)
    values = np.zeros((-(-size // STRIP_ROWS) * STRIP_ROWS, n_keys), dtype=np.float32)
    queries = np.empty((size, PANEL_TOKENS), dtype=np.float32)
    shares = np.empty((n_keys, PANEL_TOKENS), dtype=np.float32)
    for text in range(starts.size - 1):
        begin, end = starts[text], starts[text + 1]
        for top in range(0, n_heads * size, size):
            _copy(k, top, begin, end, keys)
            _copy(v, top, begin, end, values[:size])
            for first in range(begin, end, PANEL_TOKENS):
                last = min(first + PANEL_TOKENS, end)
                _copy(q, top, first, last, queries)
                _attend_panel(queries, keys, values, last - first, end - begin, shares)
                for row in range(size):
                    for token in range(first, last, LANES):
                        source = queries.ctypes.data + 4 * (row * PANEL_TOKENS + token - first)
                        target = out.ctypes.data + 4 * ((top + row) * out.shape[1] + token)
                        store_first(target, load(source), last - token)


@numba.njit(nogil=True, error_model="numpy")
def _copy(
    x: NDArray[np.float32], top: int, begin: int, end: int, part: NDArray[np.float32]
) -> None:
    """Copy the tokens from `begin` to `end` of the rows of a head, and junk after them."""
    source = x.ctypes.data + x.strides[0] * top + 4 * begin
    for row in range(part.shape[0]):
        for token in range(0, end - begin, LANES):
            some = load_first(source + x.strides[0] * row + 4 * token, end - begin - token)
            store(part.ctypes.data + part.strides[0] * row + 4 * token, some)


@numba.njit(nogil=True, error_model="numpy")
def _attend_panel(
    queries: NDArray[np.float32],
    keys: NDArray[np.float32],
    values: NDArray[np.float32],
    n_tokens: int,
    n_keys: int,
    shares: NDArray[np.float32],
) -> None:
    """Put into the place of up to 48 queries what they take from `n_keys` tokens."""
    size, key_bytes = queries.shape[0], 4 * keys.shape[1]
    width = -(-n_tokens // LANES)
    step = PANEL_VECTORS * VECTOR_BYTES
    # 1. shares[key, query] = k . q
    for key in range(0, n_keys, STRIP_ROWS):
        scalars, target = keys.ctypes.data + 4 * key, shares.ctypes.data + step * key
        lanes = queries.ctypes.data
        float_strip(scalars, 4, key_bytes, lanes, step, size, target, step, width)
    # 2. The softmax over the keys, but for its denominator.
    totals = np.empty((PANEL_VECTORS, LANES), dtype=np.float32)
    scale = spread(np.float32(1 / math.sqrt(size)))
    for vector in range(width):
        column = shares.ctypes.data + vector * VECTOR_BYTES
        largest = load(column)
        for key in range(1, n_keys):
            largest = maximum(largest, load(column + key * step))
        total = zeros()
        for key in range(n_keys):
            share = exp((load(column + key * step) - largest) * scale)
            store(column + key * step, share)
            total = total + share
        store(totals.ctypes.data + vector * VECTOR_BYTES, total)
    # 3. out = v shares / denominator
    sums = np.empty((STRIP_ROWS, PANEL_TOKENS), dtype=np.float32)
    for row in range(0, size, STRIP_ROWS):
        scalars, target = values.ctypes.data + key_bytes * row, sums.ctypes.data
        lanes = shares.ctypes.data
        float_strip(scalars, key_bytes, 4, lanes, step, n_keys, target, step, width)
        for strip_row in range(min(STRIP_ROWS, size - row)):
            for vector in range(0, width * VECTOR_BYTES, VECTOR_BYTES):
                taken = load(target + strip_row * step + vector) / load(totals.ctypes.data + vector)
                store(queries.ctypes.data + (row + strip_row) * step + vector, taken)
