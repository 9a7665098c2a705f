"""Are two encodings of the same texts the same? By their largest difference, and by their terms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lsr.sparse import SparseBatch


@dataclass(frozen=True, slots=True)
class Agreement:
    """How an encoding compares with the reference.

    Attributes:
        largest_difference: of two weights; a term that only one has counts with its whole weight.
        n_differing_terms: terms of a text that only one of the two has.
    """

    largest_difference: float
    n_differing_terms: int


def agreement(vectors: SparseBatch, reference: SparseBatch) -> Agreement:
    """Compare two encodings of the same texts."""
    ours, theirs = _places(vectors), _places(reference)
    _, in_ours, in_theirs = np.intersect1d(ours, theirs, assume_unique=True, return_indices=True)
    shared = np.abs(vectors.weights[in_ours] - reference.weights[in_theirs])
    only = [np.delete(vectors.weights, in_ours), np.delete(reference.weights, in_theirs)]
    differences = np.concatenate([shared, *only])
    return Agreement(float(differences.max(initial=0)), sum(part.size for part in only))


def _places(vectors: SparseBatch) -> NDArray[np.int64]:
    """Return the place of each weight in an array of rows and terms, counted through."""
    rows = np.repeat(np.arange(len(vectors), dtype=np.int64), vectors.active_dims)
    return rows * vectors.n_terms + vectors.terms.astype(np.int64)
