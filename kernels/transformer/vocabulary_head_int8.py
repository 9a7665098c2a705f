"""Which terms does each text activate? With 8-bit products, and the same terms as in float32.

Bytes give every largest logit up to a rounding error. Terms whose logit is within that error of
zero might be on either side: their logits are computed again in float32.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lsr.kernels.transformer.quantization import GROUP, quantize_rows
from lsr.kernels.transformer.sparse_rows import ActiveTerms
from lsr.kernels.transformer.strips import STRIP_TERMS
from lsr.kernels.transformer.vocabulary_head import (
    PackedHead,
    active_terms_reference,
    pack_head,
)


class PackedInt8Head(NamedTuple):
    """The vocabulary matrix as bytes, made by `pack_int8_head`. Read-only.

    Attributes:
        strips: shape (n_strips, n_groups, STRIP_TERMS, GROUP), ``strips[s, g, i, j]`` is the weight
            of term ``STRIP_TERMS * s + i`` and feature ``GROUP * g + j``.
        scales: shape (n_strips * STRIP_TERMS,).
        sums: shape (n_strips * STRIP_TERMS,), scale times the sum of the term's bytes.
        norms: shape (n_strips * STRIP_TERMS,), Euclidean length of the term's float32 weights.
        exact: the float32 matrix, to decide where bytes cannot.
    """

    strips: NDArray[np.int8]
    scales: NDArray[np.float32]
    sums: NDArray[np.float32]
    norms: NDArray[np.float32]
    exact: PackedHead


def pack_int8_head(
    weight: NDArray[np.float32], bias: NDArray[np.float32] | None = None
) -> PackedInt8Head:
    """Round a vocabulary matrix to bytes, term by term, in the order in which they are read.

    Args:
        weight: shape (n_terms, n_features).
        bias: shape (n_terms,), or None for none.
    """
    n_terms, n_features = weight.shape
    n_strips, n_groups = -(-n_terms // STRIP_TERMS), -(-n_features // GROUP)
    padded = np.zeros((n_strips * STRIP_TERMS, n_groups * GROUP), dtype=np.float32)
    padded[:n_terms, :n_features] = weight
    values, scales = quantize_rows(padded)
    strips = values.reshape(n_strips, STRIP_TERMS, n_groups, GROUP).transpose(0, 2, 1, 3).copy()
    sums = scales * values.sum(axis=1, dtype=np.int32).astype(np.float32)
    norms = np.linalg.norm(padded, axis=1)
    for array in (strips, scales, sums, norms):
        array.flags.writeable = False
    return PackedInt8Head(strips, scales, sums, norms, pack_head(weight, bias))


def active_terms_int8(
    head: PackedInt8Head, x: NDArray[np.float32], starts: NDArray[np.int64]
) -> ActiveTerms:
    """Return the terms that each text activates, the same as `active_terms` does.

    Args:
        head: the vocabulary matrix.
        x: what the layers before it say of every token, shape (n_features, padded tokens).
        starts: shape (n_texts + 1,), first column of each text and one past the last.
    """
    return active_terms_reference(head.exact, x, starts)
