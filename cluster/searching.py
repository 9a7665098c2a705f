"""How is an index searched by many processes? Each shard is asked by itself, and answers merged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lsr.cluster.questions import Question
from lsr.cluster.remote_shards import RemoteShards, Shard, ShardOptions
from lsr.errors import InvalidInputError
from lsr.index import EXACT, Approximation, Filter, Manifest, Rankings, Searcher, parts_of
from lsr.index.searcher import open_last_commit
from lsr.kernels.algorithm import Algorithm
from lsr.retrieval import Index
from lsr.sparse import SparseBatch


def search_remotely(index: Index, options: ShardOptions) -> Index:
    """Return the same index, whose shards are searched by processes of the session's cluster.

    Args:
        index: any index; one without shards is one part.
        options: how shards are searched.
    """
    shards = RemoteShards(index.path, options)
    return index.searched_by(ScatteredSearcher(index.path, index.searcher.manifest, shards))


class ScatteredSearcher(Searcher):
    """A snapshot whose shards are searched elsewhere; ids and documents are read here.

    The dense half is searched here, too.

    Args:
        path: folder of the index.
        manifest: the commit.
        shards: who searches them.
        before: an earlier snapshot.
    """

    def __init__(
        self,
        path: Path,
        manifest: Manifest,
        shards: RemoteShards,
        before: Searcher | None = None,
    ) -> None:
        super().__init__(path, manifest, before=before)
        self._named = [Shard.of(part) for part in parts_of(manifest)]
        self.shards = shards
        shards.prepare(self._named)

    def reopened(self, path: Path) -> ScatteredSearcher:
        """Return the last commit; see `Searcher.reopened`."""
        return open_last_commit(
            path, lambda manifest: ScatteredSearcher(path, manifest, self.shards, before=self)
        )

    def expected_ns(self, terms: NDArray[np.uint32]) -> float:
        """Return that a search takes long: it waits for other processes."""
        return float("inf")

    def search_batch(
        self,
        queries: SparseBatch,
        k: int,
        threads: int = 1,
        *,
        where: Filter | None = None,
        approximation: Approximation = EXACT,
        algorithm: Algorithm = Algorithm.AUTO,
        once: bool = False,
        stops: NDArray[np.uint8] | None = None,
        floors: NDArray[np.float64] | None = None,
    ) -> Rankings:
        """Return the best `k` documents of every query; see `Searcher.search_batch`.

        Raises:
            ShardMissingError: a shard has not answered, and answers without it are not wanted.
        """
        if k < 1:
            raise InvalidInputError(f"k is {k}, but must be at least 1.")
        k = min(k, max(1, self.n_docs))
        question = Question.of(queries, k, threads, where, approximation, algorithm)
        return self.shards.ask(self._named, question)
