"""How are vectors made comparable in size? Each divided by its Euclidean length."""

from __future__ import annotations

import numpy as np

from lsr.sparse import SparseBatch


def of_unit_length(batch: SparseBatch) -> SparseBatch:
    """Return vectors of Euclidean length 1; those without terms stay as they are."""
    lengths = np.sqrt([np.square(weights, dtype=np.float64).sum() for _, weights in batch.rows()])
    weights = (batch.weights / np.repeat(lengths, batch.active_dims)).astype(np.float32)
    return SparseBatch(batch.indptr, batch.terms, weights, batch.n_terms)
