"""Which terms may a text activate? Found with 8-bit products; what they rule out is ruled out.

Bytes stand for w' instead of the weights w of a term, and for x' instead of a token x:

    w x = w' x' + (w - w') x + w' (x - x'),  so  w x <= w' x' + |w - w'| |x| + |w'| |x - x'|

|.| being Euclidean lengths. All tokens of a text share one scale and one low end, so that the
largest w' x' is that of the largest sum of bytes, and what the sums mean is computed once a term
and text. A term whose upper bound is not above zero is not active, whatever the weights are. Of the
others, which are few in a trained model, vocabulary_head.py computes the logits.

Where most terms may be active, as in a model with random weights, the filter would not pay. So a
share of the vocabulary is filtered first, and a text of which too much remains counts as `dense`.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from lsr.kernels.transformer.lanes import (
    LANES,
    VECTOR_BYTES,
    above_zero,
    load,
    load_integers,
    multiply_add,
    spread,
)
from lsr.kernels.transformer.quantization import GROUP, quantize_rows
from lsr.kernels.transformer.rounded_texts import RoundedTexts
from lsr.kernels.transformer.strips import STRIP_ROWS, STRIP_TERMS, byte_max_strip
from lsr.kernels.vector import count_trailing_zeros

SAMPLE_STEP = 16
"""One strip of so many says whether a text is dense."""

DENSE_SHARE = 0.25
"""Share of candidates above which the filter costs more than it saves: a third at 128 features, a
fifth at 768."""

SMALLEST_SUM = np.int32(-(2**31))


class VocabularyFilter(NamedTuple):
    """The vocabulary matrix as bytes, made by `pack_filter`. Read-only.

    Attributes:
        strips: shape (n_strips, n_groups, STRIP_TERMS, GROUP), ``strips[s, g, i, j]`` is the weight
            of term ``STRIP_TERMS * s + i`` and feature ``GROUP * g + j``.
        scales: shape (n_strips * STRIP_TERMS,), what the bytes of a term are multiples of.
        sums: shape (n_strips * STRIP_TERMS,), scale times the sum of the term's bytes.
        bias: shape (n_strips * STRIP_TERMS,), minus infinity beyond the last term.
        errors: shape (n_strips * STRIP_TERMS,), at least ``|w - w'|``.
        lengths: shape (n_strips * STRIP_TERMS,), at least ``|w|`` and ``|w'|``.
    """

    strips: NDArray[np.int8]
    scales: NDArray[np.float32]
    sums: NDArray[np.float32]
    bias: NDArray[np.float32]
    errors: NDArray[np.float32]
    lengths: NDArray[np.float32]


def pack_filter(
    weight: NDArray[np.float32], bias: NDArray[np.float32] | None = None
) -> VocabularyFilter:
    """Round a vocabulary matrix to bytes, term by term, in the order in which they are read.

    Args:
        weight: shape (n_terms, n_features).
        bias: shape (n_terms,), or None for none.
    """
    n_terms, n_features = weight.shape
    n_strips, n_groups = -(-n_terms // STRIP_TERMS), -(-n_features // GROUP)
    values = np.zeros((n_strips * STRIP_TERMS, n_groups * GROUP), dtype=np.int8)
    scales, sums, own_bias, errors, lengths = np.zeros((5, n_strips * STRIP_TERMS), np.float32)
    values[:n_terms, :n_features], scales[:n_terms] = quantize_rows(weight)
    own_bias[:n_terms] = 0 if bias is None else bias
    own_bias[n_terms:] = -np.inf
    sums[:] = scales * values.sum(axis=1, dtype=np.int32)
    rounded = values[:n_terms, :n_features] * scales[:n_terms, None]
    upward = np.float32(1 + 1e-5)  # these are rounded themselves
    errors[:n_terms] = np.linalg.norm(weight - rounded, axis=1) * upward
    lengths[:n_terms] = np.linalg.norm(weight, axis=1) * upward
    lengths += errors
    strips = values.reshape(n_strips, STRIP_TERMS, n_groups, GROUP).transpose(0, 2, 1, 3).copy()
    packed = VocabularyFilter(strips, scales, sums, own_bias, errors, lengths)
    for array in packed:
        array.flags.writeable = False
    return packed


@numba.njit(nogil=True, error_model="numpy")
def find_candidates(
    vocabulary: VocabularyFilter, texts: RoundedTexts, dense_share: float
) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """Return for every text and strip a mask of the terms that may be active; which text is dense.

    Masks of dense texts are not complete, those of other texts are.

    Args:
        vocabulary: the terms.
        texts: the texts, of as many features.
        dense_share: share of candidates above which a text is dense.
    """
    n_strips, n_texts = vocabulary.strips.shape[0], texts.scales.size
    masks = np.zeros((n_texts, n_strips), dtype=np.uint64)
    is_dense = np.zeros(n_texts, dtype=np.bool_)
    maxima = np.empty(STRIP_TERMS, dtype=np.int32)
    # A sample of the strips comes first, and says whether the others pay.
    n_sampled = -(-n_strips // SAMPLE_STEP)
    order = np.argsort(np.arange(n_strips) % SAMPLE_STEP != 0, kind="mergesort")
    for number in range(n_strips):
        if number == n_sampled:
            for text in range(n_texts):
                n_candidates = _count_bits(masks[text])
                is_dense[text] = n_candidates > dense_share * n_sampled * STRIP_TERMS
        for text in range(n_texts):
            if not is_dense[text]:
                strip = order[number]
                masks[text, strip] = _candidates(vocabulary, strip, texts, text, maxima)
    return masks, is_dense


@numba.njit(nogil=True, error_model="numpy")
def list_candidates(
    masks: NDArray[np.uint64], is_dense: NDArray[np.bool_], n_terms: int
) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Return the terms of each text that its masks mark, or all of a dense text, as rows."""
    n_texts, n_strips = masks.shape
    indptr = np.zeros(n_texts + 1, dtype=np.int64)
    for text in range(n_texts):
        n_candidates = n_terms if is_dense[text] else _count_bits(masks[text])
        indptr[text + 1] = indptr[text] + n_candidates
    terms = np.empty(indptr[n_texts], dtype=np.uint32)
    for text in range(n_texts):
        place = indptr[text]
        if is_dense[text]:
            terms[place : indptr[text + 1]] = np.arange(n_terms)
            continue
        for strip in range(n_strips):
            mask = masks[text, strip]
            while mask != 0:
                terms[place] = strip * STRIP_TERMS + count_trailing_zeros(mask)
                mask &= mask - np.uint64(1)
                place += 1
    return indptr, terms


@numba.njit(nogil=True, error_model="numpy")
def _count_bits(masks: NDArray[np.uint64]) -> int:
    n_bits = 0
    for mask in masks:
        while mask != 0:
            mask &= mask - np.uint64(1)
            n_bits += 1
    return n_bits


# Inlined: a call would count references to all these arrays, which takes as long as a tile.
@numba.njit(nogil=True, error_model="numpy", forceinline=True)
def _candidates(
    vocabulary: VocabularyFilter,
    strip: int,
    texts: RoundedTexts,
    text: int,
    maxima: NDArray[np.int32],
) -> np.uint64:
    """Return a mask of the terms of a strip that a text may activate."""
    if texts.n_tokens[text] == 0:
        return np.uint64(0)
    # 1. The largest sums of bytes over the tokens.
    depth = vocabulary.strips.shape[1]
    terms = vocabulary.strips.ctypes.data + strip * depth * STRIP_TERMS * GROUP
    tokens = texts.values.ctypes.data + texts.firsts[text] * depth * VECTOR_BYTES
    maxima[:] = SMALLEST_SUM
    left = texts.n_tokens[text]
    while left > 0:
        byte_max_strip(tokens, terms, depth, maxima.ctypes.data)
        if left > STRIP_ROWS:
            byte_max_strip(tokens + STRIP_ROWS * GROUP, terms, depth, maxima.ctypes.data)
        tokens += depth * VECTOR_BYTES
        left -= LANES
    # 2. The upper bounds of the products.
    scale, low = spread(texts.scales[text]), spread(texts.lows[text])
    reach, error = spread(texts.reaches[text]), spread(texts.errors[text])
    mask = np.uint64(0)
    for vector in range(0, STRIP_TERMS, LANES):
        at = 4 * (strip * STRIP_TERMS + vector)
        per_sum = scale * load(vocabulary.scales.ctypes.data + at)
        constant = multiply_add(
            low,
            load(vocabulary.sums.ctypes.data + at),
            load(vocabulary.bias.ctypes.data + at),
        )
        bound = reach * load(vocabulary.errors.ctypes.data + at)
        bound = multiply_add(error, load(vocabulary.lengths.ctypes.data + at), bound)
        largest = load_integers(maxima.ctypes.data + 4 * vector)
        upper = multiply_add(largest, per_sum, constant) + bound
        mask |= above_zero(upper) << np.uint64(vector)
    return mask
