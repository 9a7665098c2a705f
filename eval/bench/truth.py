"""Were the best documents found? Brute force in 64-bit floats, in memory that does not grow.

Impacts and query weights are integers, so the sums are exact in any order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lsr.eval.bench.engines.base import Hits
from lsr.sparse import SparseBatch

CHUNK_POSTINGS = 1 << 24
"""Postings scored at a time, turned into columns: about 400 MB."""

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Grades:
    """How one variant's answers compare with the truth, query by query.

    Attributes:
        differs: whether the scores are others than those of the best documents, or not those of
            the documents returned.
        recall: share of the best documents found; one that ties with the last counts.
    """

    differs: NDArray[np.bool_]
    recall: Scores


def best_scores(vectors: SparseBatch, queries: SparseBatch, k: int) -> list[Scores]:
    """Return the `k` best scores above zero of each query, best first."""
    best = [np.zeros(0)] * len(queries)
    for chunk in _chunks(vectors):
        columns = chunk.to_scipy().tocsc()
        for number, (terms, weights) in enumerate(queries.rows()):
            scores = columns[:, terms.astype(np.int64)] @ weights.astype(np.float64)
            best[number] = _largest(np.append(best[number], scores[scores > 0]), k)
    return [np.sort(scores)[::-1] for scores in best]


def grade(
    vectors: SparseBatch,
    queries: SparseBatch,
    best: Sequence[Scores],
    answers: Sequence[Sequence[Hits]],
) -> list[Grades]:
    """Compare answers with the truth.

    Args:
        vectors: documents.
        queries: in the same vocabulary.
        best: as `best_scores` returns them.
        answers: of each variant, the hits of each query.
    """
    grades = [Grades(np.ones(len(best), bool), np.ones(len(best))) for _ in answers]
    for number, truth in enumerate(best):
        documents = np.unique([doc for found in answers for doc, _ in found[number]])
        true_scores = _scores_of(vectors, documents.astype(np.int64), *queries.row(number))
        for one, found in zip(grades, answers, strict=True):
            places = np.searchsorted(documents, [doc for doc, _ in found[number]])
            earned = true_scores[places]
            claimed = np.array([score for _, score in found[number]])
            right = np.array_equal(earned, truth) and np.array_equal(claimed, truth)
            one.differs[number] = not right
            if truth.size:
                one.recall[number] = np.count_nonzero(earned >= truth[-1]) / truth.size
    return grades


def _chunks(vectors: SparseBatch) -> Iterator[SparseBatch]:
    start = 0
    while start < len(vectors):
        limit = vectors.indptr[start] + CHUNK_POSTINGS
        stop = max(start + 1, int(np.searchsorted(vectors.indptr, limit, side="right")) - 1)
        yield vectors.slice(start, stop)
        start = stop


def _largest(scores: Scores, k: int) -> Scores:
    return scores if scores.size <= k else np.partition(scores, scores.size - k)[-k:]


def _scores_of(
    vectors: SparseBatch,
    documents: NDArray[np.int64],
    terms: NDArray[np.uint32],
    weights: NDArray[np.float32],
) -> Scores:
    """Return the scores of some documents for one query."""
    query = np.zeros(vectors.n_terms)
    query[terms] = weights
    found = vectors.take(documents.tolist())
    rows = np.repeat(np.arange(documents.size), found.active_dims)
    parts = query[found.terms] * found.weights
    return np.bincount(rows, parts, minlength=documents.size).astype(np.float64)
