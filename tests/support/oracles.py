"""Independent answers to what `lsr` computes, as short as can be."""

from __future__ import annotations

import numpy as np

from lsr.index import Searcher
from lsr.index.quantization import quantize_query
from lsr.sparse import SparseBatch


def stored_matrix(searcher: Searcher) -> np.ndarray:
    """Read every posting of an index into a dense matrix, shape (n_docs, n_terms)."""
    parts = []
    for segment in searcher.segments:
        part = np.zeros((segment.n_docs, searcher.vocabulary.n_terms), dtype=np.int64)
        numbers = range(segment.n_docs)
        part[:, : segment.n_terms] = segment.impacts_of(numbers, range(segment.n_terms))
        parts.append(part)
    return np.vstack(parts) if parts else np.zeros((0, searcher.vocabulary.n_terms), dtype=np.int64)


def ranked(matrix: np.ndarray, queries: SparseBatch, k: int) -> list[list[tuple[int, int]]]:
    """Rank by integer dot products: (document number, score), ties by document number."""
    results = []
    for terms, weights in queries.rows():
        query = quantize_query(terms, weights)
        scores = matrix[:, query.terms] @ query.weights.astype(np.int64)
        order = sorted((-score, doc) for doc, score in enumerate(scores.tolist()) if score)
        results.append([(doc, -score) for score, doc in order[:k]])
    return results
