"""How did each engine do in a search benchmark, and under which protocol?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from lsr.eval.bench.machine import Machine
from lsr.eval.bench.table import aligned


@dataclass(frozen=True, slots=True)
class Contestant:
    """One engine, and how it did.

    Attributes:
        name: engine and settings.
        exact: whether it promises the exact best documents.
        mean_ms: milliseconds a query; so are the percentiles.
        p50_ms: median.
        p95_ms: of 100 queries, 5 take longer.
        p99_ms: of 100 queries, 1 takes longer.
        ratio: of the mean to ours; above 1 where ours is faster.
        build_seconds: from vectors in memory to an index that answers, on the same core.
        size_bytes: files that search reads.
        bytes_per_posting: the same, by weights indexed.
        n_differing: queries with other scores than brute force finds.
        recall: share of the exact best documents found, mean over the queries; a document that
            ties with the last one counts.
    """

    name: str
    exact: bool
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    ratio: float
    build_seconds: float
    size_bytes: int
    bytes_per_posting: float
    n_differing: int
    recall: float


@dataclass(frozen=True, slots=True)
class SearchBenchmark:
    """Result of `bench_search`.

    Attributes:
        n_docs: documents indexed.
        n_postings: their weights.
        n_queries: queries answered in every run.
        terms_per_query: mean number of terms, all known to the index.
        k: hits of each query.
        runs: timed runs of each engine.
        pinned: whether the process was bound to one core.
        contestants: ours first.
        notes: what was not compared, and why.
        machine: where it was measured.
    """

    n_docs: int
    n_postings: int
    n_queries: int
    terms_per_query: float
    k: int
    runs: int
    pinned: bool
    contestants: tuple[Contestant, ...]
    notes: tuple[str, ...]
    machine: Machine

    def as_json(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return asdict(self)

    def as_table(self) -> str:
        """Return the result as text, with everything that is needed to repeat it."""
        head = "mean ms|p50|p95|p99|ratio|build s|bytes|a posting|differing"
        rows = [("", *head.split("|"), f"recall@{self.k}")]
        rows += [
            (
                one.name,
                *(f"{ms:.3f}" for ms in (one.mean_ms, one.p50_ms, one.p95_ms, one.p99_ms)),
                f"{one.ratio:.2f}x",
                f"{one.build_seconds:.1f}",
                f"{one.size_bytes:,}",
                f"{one.bytes_per_posting:.2f}",
                f"{one.n_differing:,}" if one.exact else "approximate",
                f"{one.recall:.4f}",
            )
            for one in self.contestants
        ]
        core = "bound to one core" if self.pinned else "one thread, bound to no core"
        return "\n".join(
            [
                *aligned(rows),
                "",
                f"{self.n_docs:,} documents of {self.n_postings / self.n_docs:.0f} terms, "
                f"{self.n_queries:,} queries of {self.terms_per_query:.0f} terms, k {self.k}; "
                f"8-bit impacts and 8-bit query weights, the same integers for all; one process "
                f"{core}, one query at a time, warm; a query's time is the median of {self.runs} "
                "runs in turns. ratio: of the mean to ours; bytes: files that search reads; "
                "differing: queries with other scores than brute force.",
                *self.notes,
                str(self.machine),
            ]
        )
