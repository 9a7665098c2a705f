"""How do two rankings of a query become one? Scaled to the same range, and added up.

    score = alpha * scaled(dense) + (1 - alpha) * scaled(sparse)
    scaled(s) = (s - min) / (max - min), over the query's best documents of that half

A document that is not among the best of a half gets 0 from it. Where all that a half has found
score the same, such as a single document, each gets 1: it found them and prefers none.

Paper: S. Zhuang et al., "PromptReps: Prompting Large Language Models to Generate Dense and Sparse
Representations for Zero-Shot Document Retrieval", EMNLP 2024. It does not say what holds where all
score the same; if each got 0, a word that one document alone has would count for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lsr.errors import InvalidInputError
from lsr.index import Approximation, Filter, Rankings, Searcher
from lsr.sparse import SparseBatch

DEPTH = 1000
"""Best documents of either half that are scaled, or as many as are asked for if that is more."""

CHUNK_QUERIES = 1024
"""Queries whose rankings are held at a time: 33 MB at the depth of 1000."""


@dataclass(frozen=True, slots=True, eq=False)
class HybridQueries:
    """What a hybrid search looks for.

    Attributes:
        sparse: one vector a query, in the index's vocabulary.
        dense: one dense row a query, shape (n_queries, dense_size).
        alpha: share of the dense half, from 0 for the sparse half alone to 1 for the dense one.

    Raises:
        InvalidInputError: `alpha` is not from 0 to 1.
    """

    sparse: SparseBatch
    dense: NDArray[np.float32]
    alpha: float

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise InvalidInputError(
                f"alpha is {self.alpha:g}, but must be from 0, the sparse half alone, to 1, the "
                "dense one."
            )

    def __len__(self) -> int:
        return len(self.sparse)

    def slice(self, start: int, stop: int) -> HybridQueries:
        """Return the queries from `start` to `stop`."""
        dense = self.dense[start:stop]
        return HybridQueries(self.sparse.slice(start, stop), dense, self.alpha)

    def take(self, rows: Sequence[int]) -> HybridQueries:
        """Return some of the queries."""
        return HybridQueries(self.sparse.take(rows), self.dense[list(rows)], self.alpha)


@dataclass(frozen=True, slots=True)
class HalfScore:
    """What one half says of a document.

    Attributes:
        score: None where the document is not among the half's best.
        scaled: from 0 to 1.
    """

    score: float | None
    scaled: float


@dataclass(frozen=True, slots=True)
class Halves:
    """What both halves say of a document."""

    sparse: HalfScore
    dense: HalfScore


@dataclass(frozen=True, slots=True, eq=False)
class HybridRankings(Rankings):
    """The best documents of each query by both halves, and what either says of them.

    Attributes:
        raw: shape (n_queries, k, 2), sparse and dense scores; NaN where a half has none.
        scaled: the same from 0 to 1.
    """

    raw: NDArray[np.float64]
    scaled: NDArray[np.float64]

    def halves(self, query: int, place: int) -> Halves:
        """Return what both halves say of a hit."""
        sparse, dense = (
            HalfScore(None if np.isnan(raw) else float(raw), float(scaled))
            for raw, scaled in zip(self.raw[query, place], self.scaled[query, place], strict=True)
        )
        return Halves(sparse, dense)


def rank_both(
    searcher: Searcher,
    queries: HybridQueries,
    k: int,
    threads: int,
    *,
    where: Filter | None,
    approximation: Approximation,
    once: bool,
    stops: NDArray[np.uint8] | None = None,
) -> HybridRankings:
    """Search both halves of an index, and fuse what they find.

    A half of which nothing counts is not searched.

    Args:
        searcher: of an index with a dense half.
        queries: what to look for.
        k: at least 1.
        threads: see `Searcher.search_batch`, as for `where`, `approximation` and `once`.
        where: which documents to search.
        approximation: what may be given up in the sparse half.
        once: whether no search comes after this one.
        stops: see `Searcher.search_batch`.
    """
    depth = max(k, DEPTH)
    found = []
    for start in range(0, max(1, len(queries)), CHUNK_QUERIES):
        chunk = queries.slice(start, min(start + CHUNK_QUERIES, len(queries)))
        sparse = dense = _nothing(len(chunk))
        if chunk.alpha < 1:
            sparse = searcher.search_batch(
                chunk.sparse,
                depth,
                threads,
                where=where,
                approximation=approximation,
                once=once,
                stops=None if stops is None else stops[start : start + CHUNK_QUERIES],
            )
        if chunk.alpha > 0:
            dense = searcher.search_dense_batch(chunk.dense, depth, where=where)
        found.append(fused(sparse, dense, k, chunk.alpha))
    return HybridRankings(
        *(
            np.concatenate([getattr(one, name) for one in found])
            for name in ("doc_numbers", "scores", "raw", "scaled")
        ),
        missing=tuple(sorted({name for one in found for name in one.missing})),
    )


def fused(sparse: Rankings, dense: Rankings, k: int, alpha: float) -> HybridRankings:
    """Return the best `k` documents of two rankings, ties by lower document number.

    Args:
        sparse: of the queries.
        dense: of the same queries.
        k: at least 1.
        alpha: share of the dense half.
    """
    n_queries = len(sparse.doc_numbers)
    doc_numbers = np.full((n_queries, k), -1, dtype=np.int64)
    scores, raw = np.zeros((n_queries, k)), np.full((n_queries, k, 2), np.nan)
    scaled = np.zeros((n_queries, k, 2))
    for query in range(n_queries):
        docs, all_raw, all_scaled = _joined([_run(one, query) for one in (sparse, dense)])
        sums = (1 - alpha) * all_scaled[:, 0] + alpha * all_scaled[:, 1]
        best = np.lexsort((docs, -sums))[:k]
        hits = query, slice(best.size)
        doc_numbers[hits], scores[hits] = docs[best], sums[best]
        raw[hits], scaled[hits] = all_raw[best], all_scaled[best]
    return HybridRankings(doc_numbers, scores, raw, scaled, missing=sparse.missing)


_Run = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Documents of a query, and their scores."""


def _joined(
    runs: Sequence[_Run],
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the documents of any run, rising, and their scores in each, raw and scaled."""
    docs = np.unique(np.concatenate([numbers for numbers, _ in runs]))
    raw, scaled = np.full((docs.size, len(runs)), np.nan), np.zeros((docs.size, len(runs)))
    for half, (numbers, scores) in enumerate(runs):
        rows = np.searchsorted(docs, numbers)
        raw[rows, half], scaled[rows, half] = scores, _scaled(scores)
    return docs, raw, scaled


def _scaled(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    if scores.size == 0 or scores.min() == scores.max():
        return np.ones_like(scores)
    scaled: NDArray[np.float64] = (scores - scores.min()) / (scores.max() - scores.min())
    return scaled


def _run(rankings: Rankings, query: int) -> _Run:
    is_hit = rankings.doc_numbers[query] >= 0
    return rankings.doc_numbers[query, is_hit], rankings.scores[query, is_hit]


def _nothing(n_queries: int) -> Rankings:
    return Rankings(np.empty((n_queries, 0), dtype=np.int64), np.empty((n_queries, 0)))
