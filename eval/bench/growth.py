"""How does latency grow with the collection? The same queries on ever more documents.

Collections larger than the real one are mixed from it (`resample`). Peers stop at a size of the
user's choice: some take hours to build what ours builds in minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lsr.errors import InvalidInputError
from lsr.eval.bench.engines.registry import OURS
from lsr.eval.bench.search import bench_search
from lsr.eval.bench.search_result import SearchBenchmark, fastest
from lsr.eval.bench.table import aligned
from lsr.sparse import SparseBatch


@dataclass(frozen=True, slots=True)
class GrowthBenchmark:
    """Result of `bench_growth`.

    Attributes:
        k: hits of each query.
        steps: one benchmark a size, from the smallest on.
    """

    k: int
    steps: tuple[SearchBenchmark, ...]

    def curves(self) -> dict[str, dict[int, float]]:
        """Return for each engine the mean milliseconds of its fastest exact variant by size."""
        curves: dict[str, dict[int, float]] = {}
        for step in self.steps:
            for peer in dict.fromkeys(one.peer for one in step.contestants):
                own = (one for one in step.contestants if one.peer == peer)
                if best := fastest(own, exact=True):
                    curves.setdefault(peer, {})[step.n_docs] = best.mean_ms
        return curves

    @property
    def growth(self) -> float:
        """Our mean latency at the largest size, divided by that at the smallest."""
        ours = list(self.curves()[OURS].values())
        return ours[-1] / ours[0]

    def as_json(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return {
            "k": self.k,
            "growth": self.growth,
            "mean_ms": self.curves(),
            "steps": [step.as_json() for step in self.steps],
        }

    def as_table(self) -> str:
        """Return the result as text."""
        curves = self.curves()
        rows = [("documents", *curves, "best peer")]
        for step in self.steps:
            means = [curve.get(step.n_docs) for curve in curves.values()]
            peer = step.best_exact_peer
            rows.append(
                (
                    f"{step.n_docs:,}",
                    *("-" if ms is None else f"{ms:.3f} ms" for ms in means),
                    f"{step.named(peer).ratio:.1f}x ours" if peer else "-",
                )
            )
        largest, smallest = self.steps[-1], self.steps[0]
        return "\n".join(
            [
                *aligned(rows),
                "",
                f"Mean of the fastest exact variant of each engine; {largest.n_queries:,} queries "
                f"of {largest.terms_per_query:.0f} terms, k {self.k}; {largest.n_resampled:,} of "
                "the most documents mixed from real ones.",
                *largest.notes,
                str(largest.machine),
                "",
                f"ours, {smallest.n_docs:,} to {largest.n_docs:,} documents: {self.growth:.1f}x",
            ]
        )


def bench_growth(
    vectors: SparseBatch,
    queries: SparseBatch,
    sizes: Sequence[int],
    *,
    peers: Sequence[str] | None = None,
    peer_max_docs: int = 1_000_000,
    order: str = "natural",
    k: int = 10,
    runs: int = 3,
    on_step: Callable[[SearchBenchmark], None] = lambda step: None,
) -> GrowthBenchmark:
    """Time the search of growing collections.

    Args:
        vectors: real documents.
        queries: in the same vocabulary.
        sizes: documents of each collection.
        peers: as `bench_search` takes them.
        peer_max_docs: documents of the largest collection that peers get.
        order: as `bench_search` takes it.
        k: hits of each query.
        runs: timed runs of each contestant.
        on_step: is given each benchmark as it ends.

    Raises:
        InvalidInputError: there is no size, or one below 1.
    """
    if not sizes or min(sizes) < 1:
        raise InvalidInputError(f"The sizes {list(sizes)} make no curve; give numbers above 0.")
    steps = []
    for size in sorted(set(sizes)):
        invited = peers if size <= peer_max_docs else ()
        step = bench_search(
            vectors, queries, peers=invited, n_docs=size, order=order, k=k, runs=runs
        )
        on_step(step)
        steps.append(step)
    return GrowthBenchmark(k, tuple(steps))
