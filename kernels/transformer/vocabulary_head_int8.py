"""Which terms does each text activate? With 8-bit products, and the same terms as in float32.

Bytes give every largest logit up to a rounding error. A term whose logit is within that error of
zero may be active or not: its logit is computed again in float32, from the float32 weights. So are
all logits above zero, if they are as few as in a trained model; then the weights are those of
float32, too.

The error: a feature x of a token is off by up to half its scale s, a weight w by up to half the
scale r of its term, evenly spread. The sum of all products is off by a sum of independent errors,
with a standard deviation of at most (s |w| + r |x|) / sqrt(12), |.| being Euclidean lengths. Six of
these are taken as the bound. (The strict bound is some sqrt(n_features) times as large and would
send a good part of the vocabulary back to float32.)
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
    above_zero,
    largest_lane,
    load,
    load_first,
    maximum,
    multiply_add,
    spread,
    square_root,
    store,
    zeros,
)
from lsr.kernels.transformer.layout import check_activations, check_starts
from lsr.kernels.transformer.quantization import (
    GROUP,
    new_quantized,
    quantize,
    quantize_rows,
)
from lsr.kernels.transformer.sparse_rows import ActiveTerms, collect
from lsr.kernels.transformer.strips import (
    STRIP_ROWS,
    STRIP_TERMS,
    byte_max_strip,
    float_strip,
)
from lsr.kernels.transformer.vocabulary_head import copy_tokens
from lsr.kernels.vector import count_trailing_zeros

_SIGMAS = np.float32(6 / math.sqrt(12))

RECOMPUTED_SHARE = 1 / 32
"""Share of the vocabulary above zero up to which all of it is computed again: at most a tenth of
the time. Models with random weights activate half of their terms."""


class PackedInt8Head(NamedTuple):
    """The vocabulary matrix as bytes, made by `pack_int8_head`. Read-only.

    Attributes:
        strips: shape (n_strips, n_groups, STRIP_TERMS, GROUP), ``strips[s, g, i, j]`` is the weight
            of term ``STRIP_TERMS * s + i`` and feature ``GROUP * g + j``.
        scales: shape (n_strips * STRIP_TERMS,).
        sums: shape (n_strips * STRIP_TERMS,), sum of the term's bytes.
        norms: shape (n_strips * STRIP_TERMS,), Euclidean length of the term's float32 weights.
        bias: shape (n_strips * STRIP_TERMS,), minus infinity beyond the last term.
        weight: shape (n_terms, n_features), the float32 weights themselves.
    """

    strips: NDArray[np.int8]
    scales: NDArray[np.float32]
    sums: NDArray[np.float32]
    norms: NDArray[np.float32]
    bias: NDArray[np.float32]
    weight: NDArray[np.float32]


def pack_int8_head(
    weight: NDArray[np.float32], bias: NDArray[np.float32] | None = None
) -> PackedInt8Head:
    """Round a vocabulary matrix to bytes, term by term, in the order in which they are read.

    Args:
        weight: shape (n_terms, n_features), C order; kept, not copied.
        bias: shape (n_terms,), or None for none.
    """
    n_terms, n_features = weight.shape
    n_strips, n_groups = -(-n_terms // STRIP_TERMS), -(-n_features // GROUP)
    n_padded = n_strips * STRIP_TERMS
    values = np.zeros((n_padded, n_groups * GROUP), dtype=np.int8)
    scales, norms = np.ones((2, n_padded), dtype=np.float32)
    own_bias = np.full(n_padded, -np.inf, dtype=np.float32)
    values[:n_terms, :n_features], scales[:n_terms] = quantize_rows(weight)
    norms[:n_terms] = np.linalg.norm(weight, axis=1)
    own_bias[:n_terms] = 0 if bias is None else bias
    sums = values.sum(axis=1, dtype=np.int32).astype(np.float32)
    strips = values.reshape(n_strips, STRIP_TERMS, n_groups, GROUP).transpose(0, 2, 1, 3).copy()
    kept = np.ascontiguousarray(weight, dtype=np.float32).view()
    packed = PackedInt8Head(strips, scales, sums, norms, own_bias, kept)
    for array in packed:
        array.flags.writeable = False
    return packed


def active_terms_int8(
    head: PackedInt8Head, x: NDArray[np.float32], starts: NDArray[np.int64]
) -> ActiveTerms:
    """Return the terms that each text activates, the same as `active_terms` does.

    Args:
        head: the vocabulary matrix.
        x: what the layers before it say of every token, shape (n_features, padded tokens).
        starts: shape (n_texts + 1,), first column of each text and one past the last.
    """
    check_activations("x", x, head.weight.shape[1], x.shape[1])
    check_starts(starts, x.shape[1])
    quantized = new_quantized(*x.shape)
    quantize(x, quantized)
    logits = np.empty((starts.size - 1, head.bias.size), dtype=np.float32)
    _largest_logits_int8(*head[:3], head.bias, *quantized, starts, logits)
    _recompute(head.weight, head.bias, head.scales, head.norms, x, quantized.scales, starts, logits)
    return collect(logits)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _largest_logits_int8(
    strips: NDArray[np.int8],
    term_scales: NDArray[np.float32],
    term_sums: NDArray[np.float32],
    bias: NDArray[np.float32],
    values: NDArray[np.uint8],
    token_scales: NDArray[np.float32],
    token_lows: NDArray[np.float32],
    starts: NDArray[np.int64],
    logits: NDArray[np.float32],
) -> None:
    n_strips, depth = strips.shape[:2]
    row_bytes = 4 * token_scales.size
    tokens, group_starts = copy_tokens(values.ctypes.data, row_bytes, depth, starts)
    scales, _ = copy_tokens(token_scales.ctypes.data, row_bytes, 1, starts)
    lows, _ = copy_tokens(token_lows.ctypes.data, row_bytes, 1, starts)
    logits[:] = -np.inf
    for strip in range(n_strips):
        first = strip * STRIP_TERMS
        terms = strips.ctypes.data + first * depth * GROUP
        sums = term_sums.ctypes.data + 4 * first
        for text in range(starts.size - 1):
            largest = logits.ctypes.data + 4 * (text * bias.size + first)
            for group in range(group_starts[text], group_starts[text + 1]):
                byte_max_strip(
                    tokens.ctypes.data + group * depth * STRIP_ROWS * GROUP,
                    terms,
                    depth,
                    largest,
                    sums,
                    scales.ctypes.data + group * STRIP_ROWS * 4,
                    lows.ctypes.data + group * STRIP_ROWS * 4,
                )
            for vector in range(0, STRIP_TERMS * 4, VECTOR_BYTES):
                scale = load(term_scales.ctypes.data + 4 * first + vector)
                term_bias = load(bias.ctypes.data + 4 * first + vector)
                store(largest + vector, multiply_add(load(largest + vector), scale, term_bias))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _recompute(
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
    term_scales: NDArray[np.float32],
    norms: NDArray[np.float32],
    x: NDArray[np.float32],
    token_scales: NDArray[np.float32],
    starts: NDArray[np.int64],
    logits: NDArray[np.float32],
) -> None:
    """Replace logits that bytes do not decide by those of float32."""
    n_terms = weight.shape[0]
    lengths = _token_lengths(x)
    chosen = np.empty(n_terms + LANES, dtype=np.int64)
    for text in range(starts.size - 1):
        begin, end = starts[text], starts[text + 1]
        if begin == end:
            continue
        n_active = 0
        for term in range(n_terms):
            n_active += logits[text, term] > 0
        ceiling = np.inf if n_active <= RECOMPUTED_SHARE * n_terms else 0.0
        scale = spread(_SIGMAS * token_scales[begin:end].max())
        length = spread(_SIGMAS * lengths[begin:end].max())
        # Terms whose logit may be on the other side of zero, or is above it and below the ceiling.
        n_chosen = 0
        for first in range(0, logits.shape[1], LANES):
            bound = scale * load(norms.ctypes.data + 4 * first)
            bound = multiply_add(length, load(term_scales.ctypes.data + 4 * first), bound)
            logit = load(logits.ctypes.data + 4 * (text * logits.shape[1] + first))
            highest = maximum(bound, spread(np.float32(ceiling)))
            mask = above_zero(logit + bound) & above_zero(highest - logit)
            while mask != 0:
                chosen[n_chosen] = first + count_trailing_zeros(mask)
                mask &= mask - np.uint64(1)
                n_chosen += 1
        _compute_logits(weight, bias, x, begin, end, chosen[:n_chosen], logits[text])


@numba.njit(nogil=True, error_model="numpy")
def _token_lengths(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the Euclidean length of every token."""
    lengths = np.empty(x.shape[1], dtype=np.float32)
    for token in range(0, x.shape[1], LANES):
        squares = zeros()
        for feature in range(x.shape[0]):
            some = load(x.ctypes.data + 4 * (feature * x.shape[1] + token))
            squares = multiply_add(some, some, squares)
        store(lengths.ctypes.data + 4 * token, square_root(squares))
    return lengths


@numba.njit(nogil=True, error_model="numpy")
def _compute_logits(
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
    x: NDArray[np.float32],
    begin: int,
    end: int,
    terms: NDArray[np.int64],
    logits: NDArray[np.float32],
) -> None:
    """Write the largest logits of some terms over the tokens of a text, in float32."""
    depth, n_vectors = weight.shape[1], -(-(end - begin) // LANES)
    panels = np.empty((n_vectors, depth, LANES), dtype=np.float32)
    for vector in range(n_vectors):
        token = begin + vector * LANES
        for feature in range(depth):
            source = x.ctypes.data + 4 * (feature * x.shape[1] + token)
            target = panels.ctypes.data + (vector * depth + feature) * VECTOR_BYTES
            store(target, load_first(source, end - token))
    rows = np.zeros((STRIP_ROWS, depth), dtype=np.float32)
    sums = np.empty((STRIP_ROWS, LANES), dtype=np.float32)
    largest = np.empty((STRIP_ROWS, LANES), dtype=np.float32)
    for start in range(0, terms.size, STRIP_ROWS):
        n_rows = min(STRIP_ROWS, terms.size - start)
        for row in range(n_rows):
            for feature in range(depth):
                rows[row, feature] = weight[terms[start + row], feature]
        largest[:] = -np.inf
        for vector in range(n_vectors):
            scalars, lanes = rows.ctypes.data, panels.ctypes.data + vector * depth * VECTOR_BYTES
            out = sums.ctypes.data
            float_strip(scalars, 4 * depth, 4, lanes, VECTOR_BYTES, depth, out, VECTOR_BYTES, 1)
            for row in range(0, STRIP_ROWS * VECTOR_BYTES, VECTOR_BYTES):
                at = largest.ctypes.data + row
                store(at, maximum(load(at), load(out + row)))
        for row in range(n_rows):
            term = terms[start + row]
            top = largest_lane(load(largest.ctypes.data + row * VECTOR_BYTES))
            logits[term] = top + bias[term]
