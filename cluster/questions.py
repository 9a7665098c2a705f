"""What crosses processes when a shard is searched? A question, and where its files are."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from lsr.index import Approximation, Filter, Manifest, Searcher
from lsr.kernels.algorithm import Algorithm
from lsr.sparse import SparseBatch

KEPT_COMMITS = 2
"""Commits that a shard is open at: while a new one comes, some still ask about the one before."""


class Question(NamedTuple):
    """What every shard is asked; see `Searcher.search_batch`."""

    queries: SparseBatch
    k: int
    threads: int
    where: Filter | None
    approximation: Approximation
    algorithm: Algorithm


class ShardSearcher:
    """Answers questions about one shard, in the process that searches it.

    It has no state but what it keeps open: every question says of which files it is, so that it can
    be started again, or asked about another commit, at any time.

    Args:
        path: folder of the whole index.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: OrderedDict[bytes, Searcher] = OrderedDict()

    def answer(
        self, files: bytes, question: Question, floors: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return document numbers, from 0 in the shard, and scores.

        Args:
            files: the shard's part of the manifest, as JSON.
            question: what is asked.
            floors: see `Searcher.search_batch`.
        """
        found = self._searcher(files).search_batch(
            _writable(question.queries),
            question.k,
            question.threads,
            where=question.where,
            approximation=question.approximation,
            algorithm=question.algorithm,
            floors=floors.copy(),
        )
        n_hits = int((found.doc_numbers >= 0).sum(axis=1).max(initial=0))
        return found.doc_numbers[:, :n_hits], found.scores[:, :n_hits]

    def _searcher(self, files: bytes) -> Searcher:
        if files not in self._open:
            before = next(reversed(self._open.values()), None)
            manifest = msgspec.json.decode(files, type=Manifest)
            self._open[files] = Searcher(self._path, manifest, before=before)
            while len(self._open) > KEPT_COMMITS:
                self._open.popitem(last=False)
        return self._open[files]


def _writable(queries: SparseBatch) -> SparseBatch:
    """Return a copy: kernels are not compiled for arrays that came in a message, all read-only."""
    return SparseBatch(
        queries.indptr.copy(), queries.terms.copy(), queries.weights.copy(), queries.n_terms
    )
