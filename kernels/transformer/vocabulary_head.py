"""Which terms does each text activate, and how much? In float32.

    weight of a term in a text = log(1 + max(0, max over tokens t of (W h_t + bias)[term]))

The product has a number for every token and every term, a thousand times what remains of it. It is
computed for a few tokens and terms at a time, in registers, and only the maximum is ever stored.

Paper: T. Formal, C. Lassance, B. Piwowarski, S. Clinchant, "SPLADE v2: Sparse Lexical and Expansion
Model for Information Retrieval", 2021, section 3 (max pooling).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

STRIP_TERMS = 48
"""Terms that are computed together: three vectors of 16, on every processor."""


class PackedHead(NamedTuple):
    """The vocabulary matrix as the kernel reads it, made by `pack_head`. Read-only.

    Attributes:
        strips: shape (n_strips, n_features, STRIP_TERMS), ``strips[s, f, i]`` is the weight of term
            ``STRIP_TERMS * s + i`` and feature ``f``; zero beyond the last term.
        bias: shape (n_strips * STRIP_TERMS,), minus infinity beyond the last term.
    """

    strips: NDArray[np.float32]
    bias: NDArray[np.float32]


class ActiveTerms(NamedTuple):
    """The rows of a sparse batch.

    Attributes:
        indptr: shape (n_texts + 1,), row ``i`` is ``terms[indptr[i]:indptr[i + 1]]``.
        terms: shape (nnz,), rising in each row.
        weights: shape (nnz,), above zero.
    """

    indptr: NDArray[np.int64]
    terms: NDArray[np.uint32]
    weights: NDArray[np.float32]


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
    rows = []
    for begin, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        logits = (weight @ x[:, begin:end]).max(axis=1, initial=-np.inf) + head.bias
        rows.append(np.log1p(np.maximum(logits, 0)).astype(np.float32))
    found = [np.flatnonzero(row) for row in rows]
    indptr = np.cumsum([0, *(terms.size for terms in found)], dtype=np.int64)
    if not found:
        return ActiveTerms(indptr, np.zeros(0, np.uint32), np.zeros(0, np.float32))
    return ActiveTerms(
        indptr,
        np.concatenate(found).astype(np.uint32),
        np.concatenate([row[terms] for row, terms in zip(rows, found, strict=True)]),
    )


def active_terms(
    head: PackedHead, x: NDArray[np.float32], starts: NDArray[np.int64]
) -> ActiveTerms:
    """Return the terms that each text activates.

    Args:
        head: the vocabulary matrix.
        x: what the layers before it say of every token, shape (n_features, padded tokens).
        starts: shape (n_texts + 1,), first column of each text and one past the last.
    """
    return active_terms_reference(head, x, starts)
