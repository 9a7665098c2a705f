"""How do the largest logits of texts become the rows of a sparse batch?"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from lsr.kernels.transformer.functions import log1p
from lsr.kernels.transformer.lanes import LANES, VECTOR_BYTES, load, store


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
    """Take the terms above zero from all logits, shape (n_texts, n_terms), with 64 bits."""
    rows, terms = np.nonzero(logits > 0)
    indptr = np.searchsorted(rows, np.arange(logits.shape[0] + 1)).astype(np.int64)
    weights = np.log1p(logits[rows, terms]).astype(np.float32)
    return ActiveTerms(indptr, terms.astype(np.uint32), weights)


@numba.njit(nogil=True, error_model="numpy")
def keep_active(
    indptr: NDArray[np.int64], terms: NDArray[np.uint32], logits: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.float32]]:
    """Return the rows of the terms whose logit is above zero, with log(1 + logit) as weight."""
    n_active = 0
    for logit in logits:
        n_active += logit > 0
    kept_indptr = np.zeros_like(indptr)
    kept_terms = np.empty(n_active, dtype=np.uint32)
    weights = np.zeros(-(-n_active // LANES) * LANES, dtype=np.float32)
    place = 0
    for text in range(indptr.size - 1):
        for candidate in range(indptr[text], indptr[text + 1]):
            if logits[candidate] > 0:
                kept_terms[place], weights[place] = terms[candidate], logits[candidate]
                place += 1
        kept_indptr[text + 1] = place
    for first in range(0, 4 * weights.size, VECTOR_BYTES):
        store(weights.ctypes.data + first, log1p(load(weights.ctypes.data + first)))
    return kept_indptr, kept_terms, weights[:n_active]
