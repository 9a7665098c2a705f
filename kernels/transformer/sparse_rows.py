"""How do the largest logits of texts become the rows of a sparse batch?"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from lsr.kernels.transformer.functions import log1p
from lsr.kernels.transformer.lanes import LANES, VECTOR_BYTES, above_zero, load, store
from lsr.kernels.vector import count_trailing_zeros


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


def collect_reference(logits: NDArray[np.float64]) -> ActiveTerms:
    """Say in NumPy, with 64 bits, what `collect` must return."""
    rows, terms = np.nonzero(logits > 0)
    indptr = np.searchsorted(rows, np.arange(logits.shape[0] + 1)).astype(np.int64)
    weights = np.log1p(logits[rows, terms]).astype(np.float32)
    return ActiveTerms(indptr, terms.astype(np.uint32), weights)


def collect(logits: NDArray[np.float32]) -> ActiveTerms:
    """Return the terms whose logit is above zero, with log(1 + logit) as weight.

    Args:
        logits: shape (n_texts, n_terms), n_terms a multiple of 16.
    """
    return ActiveTerms(*_collect(logits))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _collect(
    logits: NDArray[np.float32],
) -> tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.float32]]:
    n_texts, n_terms = logits.shape
    # 1. Count.
    indptr = np.zeros(n_texts + 1, dtype=np.int64)
    for text in range(n_texts):
        n_active = 0
        for term in range(n_terms):
            n_active += logits[text, term] > 0
        indptr[text + 1] = indptr[text] + n_active
    # 2. Collect, 16 terms at a look.
    n_padded = -(-indptr[n_texts] // LANES) * LANES
    terms = np.empty(indptr[n_texts], dtype=np.uint32)
    weights = np.zeros(n_padded, dtype=np.float32)
    place = 0
    for text in range(n_texts):
        for first in range(0, n_terms, LANES):
            mask = above_zero(load(logits.ctypes.data + 4 * (text * n_terms + first)))
            while mask != 0:
                term = first + count_trailing_zeros(mask)
                terms[place], weights[place] = term, logits[text, term]
                mask &= mask - np.uint64(1)
                place += 1
    # 3. Weights.
    for first in range(0, 4 * n_padded, VECTOR_BYTES):
        store(weights.ctypes.data + first, log1p(load(weights.ctypes.data + first)))
    return indptr, terms, weights[:place]
