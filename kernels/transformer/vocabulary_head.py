"""Which terms does each text activate, and how much? In float32.

    weight of a term in a text = log(1 + max(0, max over tokens t of (W h_t + bias)[term]))

The product has a number for every token and every term, a thousand times what remains of it. It is
computed for a few tokens and terms at a time, in registers, and only the maximum is ever stored.

Paper: T. Formal, C. Lassance, B. Piwowarski, S. Clinchant, "SPLADE v2: Sparse Lexical and Expansion
Model for Information Retrieval", 2021, section 3 (max pooling).
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from lsr.kernels.transformer.lanes import VECTOR_BYTES, load, load_first, store, store_first
from lsr.kernels.transformer.layout import check_activations, check_starts
from lsr.kernels.transformer.sparse_rows import ActiveTerms, collect, collect_reference
from lsr.kernels.transformer.strips import STRIP_ROWS, STRIP_TERMS, float_max_strip


class PackedHead(NamedTuple):
    """The vocabulary matrix as the kernel reads it, made by `pack_head`. Read-only.

    Attributes:
        strips: shape (n_strips, n_features, STRIP_TERMS), ``strips[s, f, i]`` is the weight of term
            ``STRIP_TERMS * s + i`` and feature ``f``; zero beyond the last term.
        bias: shape (n_strips * STRIP_TERMS,), minus infinity beyond the last term.
    """

    strips: NDArray[np.float32]
    bias: NDArray[np.float32]


def pack_head(weight: NDArray[np.float32], bias: NDArray[np.float32] | None = None) -> PackedHead:
    """Bring a vocabulary matrix into the order in which it is read.

    Args:
        weight: shape (n_terms, n_features).
        bias: shape (n_terms,), or None for none.
    """
    n_terms, n_features = weight.shape
    n_strips = -(-n_terms // STRIP_TERMS)
    padded = np.zeros((n_strips * STRIP_TERMS, n_features), dtype=np.float32)
    padded[:n_terms] = weight
    strips = padded.reshape(n_strips, STRIP_TERMS, n_features).transpose(0, 2, 1).copy()
    own_bias = np.full(n_strips * STRIP_TERMS, -np.inf, dtype=np.float32)
    own_bias[:n_terms] = 0 if bias is None else bias
    strips.flags.writeable = own_bias.flags.writeable = False
    return PackedHead(strips, own_bias)


def active_terms_reference(
    head: PackedHead, x: NDArray[np.float32], starts: NDArray[np.int64]
) -> ActiveTerms:
    """Say in NumPy, with 64 bits, what `active_terms` must return."""
    weight = head.strips.transpose(0, 2, 1).reshape(head.bias.size, -1).astype(np.float64)
    rows = [
        (weight @ x[:, begin:end]).max(axis=1, initial=-np.inf) + head.bias
        for begin, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)
    ]
    return collect_reference(np.array(rows).reshape(starts.size - 1, head.bias.size))


def active_terms(
    head: PackedHead, x: NDArray[np.float32], starts: NDArray[np.int64]
) -> ActiveTerms:
    """Return the terms that each text activates.

    Args:
        head: the vocabulary matrix.
        x: what the layers before it say of every token, shape (n_features, padded tokens).
        starts: shape (n_texts + 1,), first column of each text and one past the last.
    """
    check_activations("x", x, head.strips.shape[1], x.shape[1])
    check_starts(starts, x.shape[1])
    logits = np.empty((starts.size - 1, head.bias.size), dtype=np.float32)
    _largest_logits(head.strips, head.bias, x, starts, logits)
    return collect(logits)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _largest_logits(
    strips: NDArray[np.float32],
    bias: NDArray[np.float32],
    x: NDArray[np.float32],
    starts: NDArray[np.int64],
    logits: NDArray[np.float32],
) -> None:
    n_strips, depth, _ = strips.shape
    tokens, token_starts = copy_tokens(x.ctypes.data, 4 * x.shape[1], depth, starts)
    logits[:] = -np.inf
    for strip in range(n_strips):
        terms = strips.ctypes.data + strip * depth * STRIP_TERMS * 4
        for text in range(starts.size - 1):
            largest = logits.ctypes.data + 4 * (text * bias.size + strip * STRIP_TERMS)
            for group in range(token_starts[text], token_starts[text + 1]):
                scalars = tokens.ctypes.data + group * depth * STRIP_ROWS * 4
                float_max_strip(scalars, terms, depth, largest)
            for vector in range(0, STRIP_TERMS * 4, VECTOR_BYTES):
                term_bias = load(bias.ctypes.data + strip * STRIP_TERMS * 4 + vector)
                store(largest + vector, load(largest + vector) + term_bias)


@numba.njit(nogil=True, error_model="numpy")
def copy_tokens(
    x: int, row_bytes: int, depth: int, starts: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Copy the tokens of each text in groups of eight that lie side by side.

    The last group of a text is filled up with one of its tokens, which changes no maximum.

    Args:
        x: address of `depth` rows, of floats or of groups of four bytes.
        row_bytes: distance of the rows.
        depth: number of rows.
        starts: shape (n_texts + 1,), first column of each text and one past the last.

    Returns:
        the groups, shape (n_groups, depth, STRIP_ROWS), and the first group of each text.
    """
    group_starts = np.zeros_like(starts)
    for text in range(starts.size - 1):
        n_groups = -(-(starts[text + 1] - starts[text]) // STRIP_ROWS)
        group_starts[text + 1] = group_starts[text] + n_groups
    groups = np.empty((group_starts[-1], depth, STRIP_ROWS), dtype=np.float32)
    target = groups.ctypes.data
    for text in range(starts.size - 1):
        for first in range(starts[text], starts[text + 1], STRIP_ROWS):
            n_tokens = min(STRIP_ROWS, starts[text + 1] - first)
            for row in range(depth):
                tokens = load_first(x + row * row_bytes + 4 * first, n_tokens)
                store_first(target, tokens, STRIP_ROWS)
                target += 4 * STRIP_ROWS
    return groups, group_starts
