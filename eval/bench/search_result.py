"""How did each engine do in a search benchmark, and under which protocol?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from lsr.eval.bench.machine import Machine
from lsr.eval.bench.table import aligned

GOOD_RECALL = 0.95
"""An approximate variant below this recall is no rival, however fast."""


@dataclass(frozen=True, slots=True)
class BuiltIndex:
    """What the index of one engine cost.

    Attributes:
        peer: name of the engine.
        seconds: from vectors in memory to an index on disk, on one core.
        size_bytes: files that search reads.
        bytes_per_posting: the same, by weights indexed.
        peak_bytes: most memory that the build held at once, vectors left out; None if unknown.
    """

    peer: str
    seconds: float
    size_bytes: int
    bytes_per_posting: float
    peak_bytes: int | None


@dataclass(frozen=True, slots=True)
class Contestant:
    """One engine with one setting, and how it did.

    Attributes:
        peer: name of the engine.
        name: engine and settings.
        exact: whether it promises the exact best documents.
        choice_ms: mean milliseconds a query over the even-numbered queries, for choosing only.
        choice_recall: recall over the same.
        mean_ms: milliseconds a query over the odd-numbered ones; so are the percentiles.
        p50_ms: median.
        p95_ms: of 100 queries, 5 take longer.
        p99_ms: of 100 queries, 1 takes longer.
        ratio: of the mean to ours; above 1 where ours is faster.
        n_differing: of all queries, those with other scores than brute force finds.
        recall: share of the exact best documents found, mean over the odd-numbered queries; a
            document that ties with the last one counts.
        queries_per_second: with one thread, two and so on, all queries at once; empty where it was
            not measured.
    """

    peer: str
    name: str
    exact: bool
    choice_ms: float
    choice_recall: float
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    ratio: float
    n_differing: int
    recall: float
    queries_per_second: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SearchBenchmark:
    """Result of `bench_search`.

    Attributes:
        n_docs: documents indexed.
        n_resampled: of these, how many were mixed from real ones.
        order: of the documents, by name.
        n_postings: their weights.
        n_queries: queries answered in every run.
        terms_per_query: mean number of terms, all known to the index.
        k: hits of each query.
        runs: timed runs of each contestant.
        pinned: whether the process was bound to one core.
        indexes: ours first.
        contestants: ours first.
        ours: name of our contestant that the others are compared with.
        best_exact_peer: name of the fastest exact one; None if there is none.
        best_approximate_peer: name of the fastest one with a recall of `GOOD_RECALL`; None if
            there is none.
        notes: what was not compared, and why.
        machine: where it was measured.
    """

    n_docs: int
    n_resampled: int
    order: str
    n_postings: int
    n_queries: int
    terms_per_query: float
    k: int
    runs: int
    pinned: bool
    indexes: tuple[BuiltIndex, ...]
    contestants: tuple[Contestant, ...]
    ours: str
    best_exact_peer: str | None
    best_approximate_peer: str | None
    notes: tuple[str, ...]
    machine: Machine

    def named(self, name: str) -> Contestant:
        """Return the contestant of a name."""
        return next(one for one in self.contestants if one.name == name)

    def as_json(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return asdict(self)

    def as_table(self) -> str:
        """Return the result as text, with everything that is needed to repeat it."""
        return "\n".join(
            [
                *aligned(self._latency_rows()),
                "",
                *aligned(self._index_rows()),
                "",
                self._protocol(),
                *self.notes,
                str(self.machine),
                "",
                *self._verdict(),
            ]
        )

    def _latency_rows(self) -> list[tuple[str, ...]]:
        marks = {self.ours: ">", self.best_exact_peer: "=", self.best_approximate_peer: "~"}
        head = f"mean ms|p50|p95|p99|ratio|differing|recall@{self.k}|queries/s|2 threads"
        rows = [("", *head.split("|"))]
        for one in self.contestants:
            rates = [f"{rate:,.0f}" for rate in one.queries_per_second]
            rows.append(
                (
                    f"{marks.get(one.name, ' ')} {one.name}",
                    *(f"{ms:.3f}" for ms in (one.mean_ms, one.p50_ms, one.p95_ms, one.p99_ms)),
                    f"{one.ratio:.2f}x",
                    f"{one.n_differing:,}" if one.exact else "approximate",
                    f"{one.recall:.4f}",
                    *(rates or ["-", "-"]),
                )
            )
        return rows

    def _index_rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = [
            ("index", "build s", "docs/s", "peak MB", "bytes", "a posting")
        ]
        rows += [
            (
                one.peer,
                f"{one.seconds:.1f}",
                f"{self.n_docs / one.seconds:,.0f}",
                "-" if one.peak_bytes is None else f"{one.peak_bytes / 1e6:,.0f}",
                f"{one.size_bytes:,}",
                f"{one.bytes_per_posting:.2f}",
            )
            for one in self.indexes
        ]
        return rows

    def _protocol(self) -> str:
        core = "bound to one core" if self.pinned else "one thread, bound to no core"
        mixed = f", {self.n_resampled:,} of them mixed from real ones" if self.n_resampled else ""
        return (
            f"{self.n_docs:,} documents{mixed}, of {self.n_postings / self.n_docs:.0f} terms, in "
            f"{self.order} order; {self.n_queries:,} queries of {self.terms_per_query:.0f} terms, "
            f"k {self.k}; 8-bit impacts and 8-bit query weights, the same integers for all; one "
            f"process {core}, one query at a time, warm; a query's time is the median of "
            f"{self.runs} runs in turns. Marked are ours (>), the fastest exact peer (=) and the "
            f"fastest peer with a recall of {GOOD_RECALL} (~), chosen on the even-numbered "
            "queries; times and recall are those of the odd-numbered. ratio: of the mean to ours; "
            "differing: queries, of all, with other scores than brute force; queries/s: all at "
            "once, of the fastest exact and the fastest good variant of each engine, with one "
            "thread and with two; peak: memory of the build beyond the vectors, which is a process "
            "of its own on one core; bytes: files that search reads."
        )

    def _verdict(self) -> Iterable[str]:
        ours = self.named(self.ours)
        for kind, name in (
            ("exact peer", self.best_exact_peer),
            (f"peer with recall@{self.k} {GOOD_RECALL}", self.best_approximate_peer),
        ):
            if name is None:
                yield f"best {kind}: none"
                continue
            peer = self.named(name)
            yield (
                f"best {kind}: {name}, {peer.ratio:.1f}x ours "
                f"({peer.mean_ms:.3f} ms against {ours.mean_ms:.3f})"
            )


def fastest(contestants: Iterable[Contestant], *, exact: bool) -> Contestant | None:
    """Return the fastest exact, or good approximate, contestant by its even-numbered queries."""
    fit = [one for one in contestants if one.exact == exact]
    if not exact:
        fit = [one for one in fit if one.choice_recall >= GOOD_RECALL]
    return min(fit, key=lambda one: one.choice_ms, default=None)
