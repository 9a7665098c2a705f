"""What does an answer cost? Time to encode and to search, apart; bytes, memory and work.

Latency is that of one query at a time, as a person asks, of at most `MAX_TIMED` queries spread over
all. Everything is warm: all queries were answered before the clock starts.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lsr.eval.bench.machine import this_machine
from lsr.eval.sparsity import TermCounts, count_terms, flops
from lsr.retrieval import HybridQueries, Index
from lsr.sparse import SparseBatch

MAX_TIMED = 1000
THREADS = (1, 2)


@dataclass(frozen=True, slots=True)
class Latencies:
    """Milliseconds that single queries took.

    Example:
        >>> Latencies([2.0, 1.0, 3.0]).percentile(95)
        2.9
    """

    ms: list[float]

    @property
    def mean(self) -> float:
        """Mean milliseconds."""
        return float(np.mean(self.ms))

    def percentile(self, share: float) -> float:
        """Return the milliseconds that `share` per cent of the queries do not exceed."""
        return float(np.percentile(self.ms, share))

    def as_dict(self) -> dict[str, float]:
        """Return the figures that stand for all of them."""
        percentiles = {f"p{share}_ms": self.percentile(share) for share in (50, 95, 99)}
        return {
            "n_queries": len(self.ms),
            "mean_ms": self.mean,
            **percentiles,
            "max_ms": self.percentile(100),
        }


@dataclass(frozen=True, slots=True)
class Cost:
    """What answers cost.

    Attributes:
        k: depth of every ranking.
        encoding: of single queries to vectors; None where queries are vectors already.
        search: of single queries, by their vectors.
        queries_per_second: {threads: queries searched a second, all asked at once}.
        indexing_s: seconds to read, encode and index the corpus; None when it was indexed before.
        index_bytes: size of the index's files.
        search_bytes: of these, what search reads; the rest are the documents themselves.
        bytes_per_posting: `search_bytes` by the number of weights.
        flops: products of weights that a query and a document have on average.
        query_terms: number of terms of every query that are searched for.
        documents_by_terms: {number of terms: documents that have so many}.
        peak_memory_bytes: most memory that the process has held until now, indexing included where
            it has indexed; None where the system does not say.
        machine: processor and cores.
    """

    k: int
    encoding: Latencies | None
    search: Latencies
    queries_per_second: dict[int, float]
    indexing_s: float | None
    index_bytes: int
    search_bytes: int
    bytes_per_posting: float
    flops: float
    query_terms: list[int]
    documents_by_terms: dict[int, int]
    peak_memory_bytes: int | None
    machine: str

    @property
    def terms_per_query(self) -> float:
        """Mean number of terms of a query."""
        return float(np.mean(self.query_terms))

    @property
    def terms_per_document(self) -> float:
        """Mean number of terms of a document."""
        n_docs = sum(self.documents_by_terms.values())
        n_terms = sum(length * count for length, count in self.documents_by_terms.items())
        return n_terms / max(1, n_docs)

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as JSON values, without those of single queries and documents."""
        return {
            "k": self.k,
            "encoding": self.encoding and self.encoding.as_dict(),
            "search": self.search.as_dict(),
            "queries_per_second": {str(key): one for key, one in self.queries_per_second.items()},
            "indexing_s": self.indexing_s,
            "index_bytes": self.index_bytes,
            "search_bytes": self.search_bytes,
            "bytes_per_posting": self.bytes_per_posting,
            "terms_per_query": self.terms_per_query,
            "terms_per_document": self.terms_per_document,
            "flops": self.flops,
            "peak_memory_bytes": self.peak_memory_bytes,
            "machine": self.machine,
        }


def measure_cost(
    index: Index,
    vectors: SparseBatch | HybridQueries,
    k: int,
    indexing_s: float | None,
    *,
    encode: Callable[[int], object] | None,
) -> Cost:
    """Time queries on an index that has answered all of them before.

    Args:
        index: the index.
        vectors: of at least one query, in the vocabulary of the index.
        k: depth of the rankings.
        indexing_s: passed on.
        encode: encodes the query of a row once more; None where queries came as vectors.
    """
    n_timed = min(MAX_TIMED, len(vectors))
    rows = [number * len(vectors) // n_timed for number in range(n_timed)]
    counts, info, machine = count_terms(index.searcher), index.info(), this_machine()
    return Cost(
        k=k,
        encoding=None if encode is None else _encoding_times(encode, rows),
        search=_search_times(index, vectors, rows, k),
        queries_per_second=_throughputs(index, vectors.take(rows), k),
        indexing_s=indexing_s,
        index_bytes=info["size_bytes"],
        search_bytes=info["search_bytes"],
        bytes_per_posting=info["search_bytes_per_posting"],
        flops=_flops(counts, vectors),
        query_terms=np.diff(_searched_terms(vectors).indptr).tolist(),
        documents_by_terms=counts.docs_of_length,
        peak_memory_bytes=peak_memory_bytes(),
        machine=f"{machine.cpu}, {machine.n_cores} cores",
    )


def _flops(counts: TermCounts, vectors: SparseBatch | HybridQueries) -> float:
    """Count a product for each number of a dense row, where dense rows are searched."""
    products = flops(counts, _searched_terms(vectors))
    if isinstance(vectors, HybridQueries) and vectors.alpha > 0:
        products += vectors.dense.shape[1]
    return products


def _searched_terms(vectors: SparseBatch | HybridQueries) -> SparseBatch:
    """Return the sparse vectors that are searched with: without terms where none is."""
    if not isinstance(vectors, HybridQueries):
        return vectors
    if vectors.alpha < 1:
        return vectors.sparse
    return SparseBatch.from_rows([[]] * len(vectors), vectors.sparse.n_terms)


def _encoding_times(encode: Callable[[int], object], rows: list[int]) -> Latencies:
    encode(rows[0])  # a batch of one may take a path of its own
    return _latencies([lambda row=row: encode(row) for row in rows])


def _search_times(
    index: Index, vectors: SparseBatch | HybridQueries, rows: list[int], k: int
) -> Latencies:
    single = [vectors.slice(row, row + 1) for row in rows]
    return _latencies([lambda one=one: index.rank(one, k) for one in single])


def _latencies(tasks: list[Any]) -> Latencies:
    milliseconds = []
    for task in tasks:
        started = time.perf_counter()
        task()
        milliseconds.append(1000 * (time.perf_counter() - started))
    return Latencies(milliseconds)


def _throughputs(index: Index, vectors: SparseBatch | HybridQueries, k: int) -> dict[int, float]:
    found = {}
    for threads in THREADS:
        started = time.perf_counter()
        index.rank(vectors, k, threads)
        found[threads] = len(vectors) / (time.perf_counter() - started)
    return found


def peak_memory_bytes() -> int | None:
    """Return the most memory that this process has held at once, None if nobody knows."""
    try:
        import resource
    except ImportError:
        return None
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held if sys.platform == "darwin" else held * 1024
