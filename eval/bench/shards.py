"""What do shards change? No answer; and the work of a search, as little as possible.

Work is counted in impacts that are added to scores, which is the same on every machine. Shards are
asked in rounds, as a cluster of some processors asks them, and each round is told the floors that
the ones before have found.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lsr.cluster.merging import BestSoFar, n_asked_at_once
from lsr.documents import QueryBatch
from lsr.errors import InvalidInputError
from lsr.eval.bench.table import aligned
from lsr.index import Filter, Rankings, Searcher, parts_of
from lsr.index.ranking import impacts_added
from lsr.kernels.algorithm import Algorithm
from lsr.retrieval import Index
from lsr.sparse import SparseBatch

Search = Callable[[SparseBatch], Rankings]


@dataclass(frozen=True, slots=True)
class ShardsRow:
    """How one index answers.

    Attributes:
        index: its folder.
        n_shards: its parts.
        k: hits of each query.
        n_other: queries whose documents or scores are others than those of the first index.
        together: impacts added a query where one process searches all shards.
        apart: the same where each shard is searched by itself.
        apart_ms: processor time of that, and of merging the answers.
    """

    index: str
    n_shards: int
    k: int
    n_other: int
    together: float
    apart: float
    apart_ms: float


@dataclass(frozen=True, slots=True)
class ShardsBenchmark:
    """Result of `bench_shards`.

    Attributes:
        n_docs: documents of each index.
        n_queries: queries.
        n_processors: shards that are asked at a time.
        rows: for each k, one an index, the first index first.
    """

    n_docs: int
    n_queries: int
    n_processors: int
    rows: tuple[ShardsRow, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return asdict(self)

    def as_table(self) -> str:
        """Return the result as text."""
        head = ("index", "shards", "k", "other answers", "impacts, together", "apart", "ms apart")
        table: list[tuple[str, ...]] = [head]
        for row in self.rows:
            of_first = next(one.together for one in self.rows if one.k == row.k)
            shares = (f"{n:,.0f} ({n / max(of_first, 1):.2f}x)" for n in (row.together, row.apart))
            figures = (str(row.n_shards), str(row.k), str(row.n_other))
            table.append((row.index, *figures, *shares, f"{row.apart_ms:.2f}"))
        return "\n".join(
            [
                *aligned(table),
                "",
                f"{self.n_docs:,} documents, {self.n_queries:,} queries; impacts added to scores a "
                f"query, all shards in one process, and apart, {self.n_processors} at a time.",
            ]
        )


def bench_shards(
    paths: Sequence[Path],
    queries: QueryBatch,
    depths: Sequence[int],
    *,
    n_queries: int,
    n_processors: int,
    where: str | None = None,
    algorithm: Algorithm = Algorithm.AUTO,
) -> ShardsBenchmark:
    """Compare indexes of the same documents.

    Args:
        paths: the indexes; others are compared with the first.
        queries: texts, or vectors.
        depths: hits of each query, one round each.
        n_queries: of the queries, from the beginning.
        n_processors: shards that are asked at a time.
        where: a filter.
        algorithm: how to search; left to itself, a small shard is searched exhaustively where the
            whole is not, and floors are of little use.

    Raises:
        InvalidInputError: the indexes have different numbers of documents.
    """
    indexes = [Index.open(path) for path in paths]
    vectors = indexes[0].vectors_of(queries)
    asked = [vectors.slice(row, row + 1) for row in range(min(n_queries, len(vectors)))]
    n_docs = {index.searcher.n_docs for index in indexes}
    if len(n_docs) != 1:
        raise InvalidInputError(f"The indexes do not hold the same documents, but {n_docs} many.")
    rows = []
    for k in depths:
        expected: list[Rankings] = []
        for index in indexes:
            wanted = None if where is None else index.parse_filter(where)
            together, apart = _searches(index, k, wanted, n_processors, algorithm)
            found, of_together, _ = _costs(together, asked)
            expected = expected or found
            found_apart, of_apart, ms = _costs(apart, asked)
            n_other = sum(map(_differ, expected, found, found_apart))
            n_shards = len(parts_of(index.searcher.manifest))
            rows.append(ShardsRow(str(index.path), n_shards, k, n_other, of_together, of_apart, ms))
    return ShardsBenchmark(n_docs.pop(), len(asked), n_processors, tuple(rows))


def _searches(
    index: Index, k: int, where: Filter | None, n_processors: int, algorithm: Algorithm
) -> tuple[Search, Search]:
    """Return what searches an index in one go, and what searches it shard by shard."""
    parts = parts_of(index.searcher.manifest)
    searchers = [Searcher(index.path, part.manifest) for part in parts]

    def together(query: SparseBatch) -> Rankings:
        return index.searcher.search_batch(query, k, where=where, algorithm=algorithm)

    def apart(query: SparseBatch) -> Rankings:
        best = BestSoFar(1, k)
        n_answered = 0
        while n_answered < len(parts):
            floors, start = best.floors, n_answered
            n_answered += n_asked_at_once(len(parts), start, n_processors)
            for place in range(start, min(n_answered, len(parts))):
                found = searchers[place].search_batch(
                    query, k, where=where, algorithm=algorithm, floors=floors
                )
                best.add(found, parts[place].first_doc)
        return best.rankings()

    return together, apart


def _costs(search: Search, queries: Sequence[SparseBatch]) -> tuple[list[Rankings], float, float]:
    """Return what is found, and impacts and milliseconds a query, where all is warm."""
    for query in queries:
        search(query)
    before, began = impacts_added(), time.process_time()
    found = [search(query) for query in queries]
    ms = (time.process_time() - began) * 1000 / len(queries)
    return found, (impacts_added() - before) / len(queries), ms


def _differ(expected: Rankings, *others: Rankings) -> bool:
    """Say whether the answers to one query differ, however many hits each has room for."""
    return any(one.hits(0) != expected.hits(0) for one in others)
