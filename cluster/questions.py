"""What crosses processes when a shard is searched? A question and its answer, as bytes.

Ray passes bytes on as they are; anything else it would pickle for each shard anew.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lsr.index import Approximation, Filter, Rankings
from lsr.kernels.algorithm import Algorithm
from lsr.pruning import PruneRule
from lsr.sparse import SparseBatch


class Question(msgspec.Struct, frozen=True, array_like=True):
    """What every shard is asked; see `Searcher.search_batch`.

    Attributes:
        indptr: int64, rows of `terms` and `weights`.
        terms: uint32.
        weights: float32.
        n_terms: size of the vocabulary.
        k: hits of each query.
        threads: queries scored at the same time.
        where: a filter's text form; None for all documents.
        prune: a rule's text form; None for all query terms.
        bound_factor: see `Approximation`.
        max_ranges: see `Approximation`.
        algorithm: an `Algorithm`.
    """

    indptr: bytes
    terms: bytes
    weights: bytes
    n_terms: int
    k: int
    threads: int
    where: str | None
    prune: str | None
    bound_factor: float
    max_ranges: int | None
    algorithm: int

    @staticmethod
    def of(
        queries: SparseBatch,
        k: int,
        threads: int,
        where: Filter | None,
        approximation: Approximation,
        algorithm: Algorithm,
    ) -> Question:
        """Put a search into a question."""
        return Question(
            _bytes(queries.indptr, np.int64),
            _bytes(queries.terms, np.uint32),
            _bytes(queries.weights, np.float32),
            queries.n_terms,
            k,
            threads,
            None if where is None else str(where),
            None if approximation.prune is None else str(approximation.prune),
            approximation.bound_factor,
            approximation.max_ranges,
            int(algorithm),
        )

    @property
    def n_queries(self) -> int:
        """Number of queries."""
        return len(self.indptr) // 8 - 1

    @property
    def queries(self) -> SparseBatch:
        """The query vectors."""
        return SparseBatch(
            _array(self.indptr, np.int64),
            _array(self.terms, np.uint32),
            _array(self.weights, np.float32),
            self.n_terms,
        )

    @property
    def approximation(self) -> Approximation:
        """What may be given up for speed."""
        return Approximation(
            prune=None if self.prune is None else PruneRule.parse(self.prune),
            bound_factor=self.bound_factor,
            max_ranges=self.max_ranges,
        )


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What a shard has found: as many columns as the query with the most hits has.

    Attributes:
        n_queries: number of rows.
        doc_numbers: int64, from 0 in the shard, -1 where a query has fewer hits.
        scores: float64.
    """

    n_queries: int
    doc_numbers: bytes
    scores: bytes

    @staticmethod
    def of(found: Rankings) -> Answer:
        """Put what was found into an answer."""
        n_hits = int((found.doc_numbers >= 0).sum(axis=1).max(initial=0))
        return Answer(
            len(found.doc_numbers),
            _bytes(found.doc_numbers[:, :n_hits], np.int64),
            _bytes(found.scores[:, :n_hits], np.float64),
        )

    @property
    def rankings(self) -> Rankings:
        """What was found."""
        return Rankings(
            np.frombuffer(self.doc_numbers, np.int64).reshape(self.n_queries, -1),
            np.frombuffer(self.scores, np.float64).reshape(self.n_queries, -1),
        )


def floors_as_bytes(floors: NDArray[np.float64]) -> bytes:
    """Return what `floors_from_bytes` reads."""
    return _bytes(floors, np.float64)


def floors_from_bytes(content: bytes) -> NDArray[np.float64]:
    """Read scores that documents must reach, one a query."""
    return _array(content, np.float64)


def _bytes(values: NDArray[Any], dtype: type) -> bytes:
    return np.ascontiguousarray(values, dtype).tobytes()


def _array(content: bytes, dtype: type) -> NDArray[Any]:
    """Return an array that may be written: kernels are not compiled for others."""
    return np.frombuffer(content, dtype).copy()
