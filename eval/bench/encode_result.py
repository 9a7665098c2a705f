"""How did each contestant do in an encoding benchmark, and under which protocol?"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.eval.bench.agreement import Agreement
from lsr.eval.bench.encoders.base import PEER_BATCH_SIZE
from lsr.eval.bench.machine import Machine
from lsr.eval.bench.table import aligned
from lsr.eval.bench.workloads import PASSAGE_WORDS


@dataclass(frozen=True, slots=True)
class Rate:
    """Throughput on one workload.

    Attributes:
        seconds: of each run, in order.
        texts_per_second: in the median run.
        best_texts_per_second: in the fastest run, which other work on the machine hurt least.
        tokens_per_second: in the median run, special tokens included.
        ratio: of `texts_per_second` to the reference's; above 1 where this is faster.
    """

    seconds: tuple[float, ...]
    texts_per_second: float
    best_texts_per_second: float
    tokens_per_second: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Latency:
    """Time of one query.

    Attributes:
        mean_ms: milliseconds, of the median run of each query; so are the percentiles.
        p50_ms: median query.
        p99_ms: of 100 queries, 1 takes longer.
        ratio: of the reference's `p50_ms` to this; above 1 where this is faster.
    """

    mean_ms: float
    p50_ms: float
    p99_ms: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Figures:
    """One contestant, and how it did.

    Attributes:
        name: library and number format.
        is_ours: whether it is a backend of `lsr`.
        passages: throughput.
        long_documents: throughput.
        queries: latency, one at a time.
        agreement: with the reference, over all texts.
    """

    name: str
    is_ours: bool
    passages: Rate
    long_documents: Rate
    queries: Latency
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class Size:
    """How much is encoded in every run.

    Attributes:
        n_texts: number of texts.
        n_tokens: their tokens as far as they are read, special tokens included.
    """

    n_texts: int
    n_tokens: int

    def __str__(self) -> str:
        return f"{self.n_texts:,} of {self.n_tokens / self.n_texts:.0f} tokens"


@dataclass(frozen=True, slots=True)
class Round:
    """All contestants with one model on some cores.

    Attributes:
        model: what the user named.
        n_cores: cores that the process was bound to; threads of every contestant.
        sizes: of passages, long documents and queries.
        n_active_terms: of the reference, all texts together.
        reference: name of the contestant that others are compared with.
        contestants: ours first.
    """

    model: str
    n_cores: int
    sizes: tuple[Size, Size, Size]
    n_active_terms: int
    reference: str
    contestants: tuple[Figures, ...]

    def as_table(self) -> Iterable[str]:
        """Yield lines of text."""
        passages, long_documents, queries = self.sizes
        head = (
            "passages/s|best|ratio|long docs/s|best|ratio|query ms|p50|p99|ratio|"
            "largest difference|terms differing"
        )
        rows = [("", *head.split("|")), *map(self._row, self.contestants)]
        cores = "one core" if self.n_cores == 1 else f"{self.n_cores} cores"
        yield f"{self.model}, {cores}"
        yield from aligned(rows)
        yield (
            f"{passages} as passages, {long_documents} as long documents, {queries} as queries; "
            f"{self.n_active_terms:,} active terms in all"
        )
        yield from self.verdict()

    def _row(self, one: Figures) -> tuple[str, ...]:
        rates = (one.passages, one.long_documents)
        latency = one.queries
        is_reference = one.name == self.reference
        return (
            one.name,
            *(cell for rate in rates for cell in _rate_cells(rate)),
            *(f"{ms:.2f}" for ms in (latency.mean_ms, latency.p50_ms, latency.p99_ms)),
            f"{latency.ratio:.1f}x",
            "reference" if is_reference else f"{one.agreement.largest_difference:.2g}",
            "-" if is_reference else f"{one.agreement.n_differing_terms:,}",
        )

    def verdict(self) -> Iterable[str]:
        """Say for each workload how our fastest does beside the reference and the fastest peer."""
        workloads: dict[str, dict[str, float]] = {
            "passages": {one.name: one.passages.ratio for one in self.contestants},
            "long documents": {one.name: one.long_documents.ratio for one in self.contestants},
            "queries": {one.name: one.queries.ratio for one in self.contestants},
        }
        ours = {one.name for one in self.contestants if one.is_ours}
        for workload, ratios in workloads.items():
            best = max(ours, key=ratios.__getitem__)
            line = f"{workload}: {best} is {ratios[best]:.1f}x {self.reference}"
            if peers := set(ratios) - ours:
                rival = max(peers, key=ratios.__getitem__)
                line += f" and {ratios[best] / ratios[rival]:.1f}x the fastest peer, {rival}"
            yield line


@dataclass(frozen=True, slots=True)
class Memory:
    """What encoding took in a process of its own.

    Attributes:
        model: what the user named.
        name: of a contestant of ours.
        peak_bytes: most memory in use; None if the system does not say.
    """

    model: str
    name: str
    peak_bytes: int | None


@dataclass(frozen=True, slots=True)
class EncodeBenchmark:
    """Result of `bench_encode`.

    Attributes:
        rounds: one for each model and number of cores.
        memory: of our contestants.
        max_length: tokens of a text that are read.
        runs: timed runs of each contestant.
        is_bound: whether the process was bound to its cores.
        instructions: that our kernels were compiled for.
        notes: what was not compared, and why.
        machine: where it was measured.
    """

    rounds: tuple[Round, ...]
    memory: tuple[Memory, ...]
    max_length: int
    runs: int
    is_bound: bool
    instructions: str
    notes: tuple[str, ...]
    machine: Machine

    def as_json(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return asdict(self)

    def as_table(self) -> str:
        """Return the result as text, with everything that is needed to repeat it."""
        tables = [line for one in self.rounds for line in (*one.as_table(), "")]
        return "\n".join(
            [
                *tables,
                *aligned([("peak memory", "MB"), *map(_memory_row, self.memory)]),
                "",
                self._protocol(),
                *self.notes,
                f"{self.machine}; kernels of lsr for {self.instructions}",
            ]
        )

    def _protocol(self) -> str:
        bound = "bound to its cores" if self.is_bound else "bound to no cores"
        return (
            f"Passages of {PASSAGE_WORDS} words; long documents are cut at {self.max_length} "
            "tokens, both handed over at once; queries one at a time. One process for all, "
            f"{bound}, with a thread a core; one warm-up, then {self.runs} runs in turns. Rates "
            "are of the median run, best of the fastest; a query's time is the median of its runs, "
            "its ratio that of p50. ratio: to the reference, above 1 is faster. Loading is left "
            "out. Models named random-* have random weights and stand for speed alone. Peak memory "
            "is that of a process of its own that encodes passages and long documents on all "
            f"cores. Peers in batches of {PEER_BATCH_SIZE}."
        )


def rate(seconds: Sequence[float], reference: Sequence[float], size: Size) -> Rate:
    """Return the throughput of runs that took `seconds` where the reference's took other times."""
    median = statistics.median(seconds)
    return Rate(
        seconds=tuple(seconds),
        texts_per_second=size.n_texts / median,
        best_texts_per_second=size.n_texts / min(seconds),
        tokens_per_second=size.n_tokens / median,
        ratio=statistics.median(reference) / median,
    )


def latency(seconds: NDArray[np.float64], reference: NDArray[np.float64]) -> Latency:
    """Return the latency of queries, from arrays of seconds of shape (runs, queries)."""
    ms = np.median(seconds, axis=0) * 1e3
    p50, p99 = np.percentile(ms, (50, 99)).tolist()
    slower = float(np.median(np.median(reference, axis=0))) * 1e3
    return Latency(mean_ms=float(ms.mean()), p50_ms=p50, p99_ms=p99, ratio=slower / p50)


def _rate_cells(rate: Rate) -> tuple[str, str, str]:
    return (
        f"{rate.texts_per_second:,.1f}",
        f"{rate.best_texts_per_second:,.1f}",
        f"{rate.ratio:.1f}x",
    )


def _memory_row(one: Memory) -> tuple[str, str]:
    peak = "-" if one.peak_bytes is None else f"{one.peak_bytes / 1e6:,.0f}"
    return f"{one.name}, {one.model}", peak
