"""Turn documents into posting lists: a stable counting sort of impacts by (range, term).

Documents arrive in order, so a sort that keeps the order of equal keys leaves every posting list
sorted by document number. Two passes over the postings, no comparison.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from lsr.kernels.postings import RANGE_SIZE, Postings, n_ranges


def invert_reference(
    indptr: NDArray[np.int64],
    terms: NDArray[np.uint32],
    impacts: NDArray[np.uint8],
    n_terms: int,
) -> Postings:
    """Say in NumPy what `invert` must return."""
    doc_numbers = np.repeat(np.arange(indptr.size - 1), np.diff(indptr))
    key = doc_numbers // RANGE_SIZE * n_terms + terms
    order = np.argsort(key, kind="stable")
    n_lists = n_ranges(indptr.size - 1) * n_terms
    starts = np.searchsorted(key[order], np.arange(n_lists + 1))
    return Postings(
        starts.astype(np.int64),
        (doc_numbers % RANGE_SIZE)[order].astype(np.uint16),
        impacts[order],
    )


def invert(
    indptr: NDArray[np.int64],
    terms: NDArray[np.uint32],
    impacts: NDArray[np.uint8],
    n_terms: int,
) -> Postings:
    """Return the posting lists of a batch of quantized documents.

    Args:
        indptr: shape (n_docs + 1,), rows of `terms` and `impacts`, one document a row.
        terms: shape (nnz,), below `n_terms`.
        impacts: shape (nnz,).
        n_terms: size of the vocabulary.
    """
    starts = np.zeros(n_ranges(indptr.size - 1) * n_terms + 1, dtype=np.int64)
    doc_offsets = np.empty(terms.size, dtype=np.uint16)
    sorted_impacts = np.empty(terms.size, dtype=np.uint8)
    _invert(indptr, terms, impacts, n_terms, starts, doc_offsets, sorted_impacts)
    return Postings(starts, doc_offsets, sorted_impacts)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _invert(
    indptr: NDArray[np.int64],
    terms: NDArray[np.uint32],
    impacts: NDArray[np.uint8],
    n_terms: int,
    starts: NDArray[np.int64],
    doc_offsets: NDArray[np.uint16],
    sorted_impacts: NDArray[np.uint8],
) -> None:
    n_docs = indptr.size - 1
    # 1. Count the postings of each list, one place to the right, and sum up: starts of lists.
    for doc_number in range(n_docs):
        first_list = doc_number // RANGE_SIZE * n_terms
        for position in range(indptr[doc_number], indptr[doc_number + 1]):
            starts[first_list + terms[position] + 1] += 1
    for number in range(1, starts.size):
        starts[number] += starts[number - 1]
    # 2. Put each posting at the next free place of its list.
    free = starts[:-1].copy()
    for doc_number in range(n_docs):
        first_list = doc_number // RANGE_SIZE * n_terms
        for position in range(indptr[doc_number], indptr[doc_number + 1]):
            number = first_list + terms[position]
            place = free[number]
            free[number] = place + 1
            doc_offsets[place] = np.uint16(doc_number % RANGE_SIZE)
            sorted_impacts[place] = impacts[position]
