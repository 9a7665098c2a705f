"""How does a file of queries become a run? A chunk at a time, however many hits there are."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lsr.cli.output import emit, emit_json, note
from lsr.cli.search_settings import Overlap, SearchSettings, label, recall_of

if TYPE_CHECKING:
    from lsr.retrieval import HybridQueries, Index
    from lsr.sparse import SparseBatch

CHUNK_HITS = 1 << 20
"""Hits in memory at a time: 16 MB of numbers and scores, twice while they are put together."""

RECALL_QUERIES = 100
"""Queries that are searched exactly as well, to say what an approximate run misses."""


def answer_file(
    index: Index, queries: str, run: Path, settings: SearchSettings, json: bool
) -> None:
    """Write the run of a file of queries and say how it went."""
    from lsr.corpus import read_queries
    from lsr.eval.run_file import write_run

    batch = read_queries(queries)
    n_queries = len(batch.query_ids)
    started = time.perf_counter()
    vectors = settings.vectors_of(index, batch)
    encoding_s = time.perf_counter() - started
    search = _Search(index, settings)
    write_run(run, search.hits(batch.query_ids, vectors))
    search.note_queries_without_hits()
    overlaps: list[Overlap] = []
    if not settings.approximation.is_exact:
        sample = vectors.take(_spread(n_queries, RECALL_QUERIES))
        for chunk in _chunks(sample, settings.k):
            overlaps += settings.overlaps(index, chunk)
    if json:
        emit_json(
            {
                "queries": n_queries,
                "without_hits": search.n_without_hits,
                "run": str(run),
                **settings.as_dict(overlaps),
                "encoding_s": encoding_s,
                "search_s": search.seconds,
            }
        )
        return
    emit(
        f"{n_queries:,} queries to {run}: encoded in {encoding_s:.2f} s, "
        f"searched in {search.seconds:.2f} s "
        f"({search.seconds / max(1, n_queries) * 1000:.2f} ms a query)."
    )
    if not settings.approximation.is_exact:
        emit(f"{label(settings.approximation)}: {_recall_in_words(overlaps, settings.k)}.")


@dataclass(slots=True)
class _Search:
    """A search of many queries, and its counts so far."""

    index: Index
    settings: SearchSettings
    seconds: float = 0.0
    n_without_hits: int = 0

    def hits(
        self, query_ids: Sequence[str], vectors: SparseBatch | HybridQueries
    ) -> Iterator[tuple[str, list[tuple[str, float]]]]:
        """Yield every query's id and hits."""
        names = iter(query_ids)
        for chunk in _chunks(vectors, self.settings.k):
            started = time.perf_counter()
            rankings = self.settings.rank(self.index, chunk)
            self.seconds += time.perf_counter() - started
            for number in range(len(chunk)):
                hits = self.index.searcher.named_hits(rankings, number)
                self.n_without_hits += not hits
                yield next(names), hits

    def note_queries_without_hits(self) -> None:
        """Say how many queries found nothing, and why."""
        if not self.n_without_hits:
            return
        reason = "no document shares a term with them"
        if self.settings.where is not None:
            reason = "no document that the filter lets through shares a term with them"
        if not self.settings.approximation.is_exact:
            reason = "an exact search may find some"
        note(f"warning: queries without hits: {self.n_without_hits:,}; {reason}.")


def _chunks(vectors: SparseBatch | HybridQueries, k: int) -> Iterator[SparseBatch | HybridQueries]:
    n_queries = max(1, CHUNK_HITS // k)
    for start in range(0, len(vectors), n_queries):
        yield vectors.slice(start, min(start + n_queries, len(vectors)))


def _spread(n_queries: int, n_wanted: int) -> list[int]:
    """Return the numbers of some queries, evenly spread over all."""
    n_wanted = min(n_queries, n_wanted)
    return [number * n_queries // n_wanted for number in range(n_wanted)]


def _recall_in_words(overlaps: Sequence[Overlap], k: int) -> str:
    recall = recall_of(overlaps)
    if recall is None:
        return f"exact search finds nothing either ({len(overlaps)} queries)"
    n_compared = sum(one.n_exact > 0 for one in overlaps)
    return f"recall@{k} against exact search {recall:.3f} ({n_compared} queries)"
