"""How does the service fare? Counts and times for Prometheus."""

from __future__ import annotations

import resource
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from lsr.index import Searcher

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)
STAGES = ("queue", "encode", "score", "fetch")


class Metrics:
    """What is counted, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        requests = Counter(
            "lsr_requests", "Requests.", ["route", "method", "status"], registry=self.registry
        )
        self._seconds = Durations("lsr_request_seconds", "Time to answer a request.", "route")
        self._stages = Durations(
            "lsr_search_stage_seconds", "Time of a stage of searches.", "stage"
        )
        self.registry.register(self._seconds)
        self.registry.register(self._stages)
        self._batch = Histogram(
            "lsr_search_batch_queries",
            "Searches that a thread answered together.",
            buckets=_BATCH_SIZES,
            registry=self.registry,
        )
        sheds = Counter(
            "lsr_shed_requests",
            "Requests without room or time.",
            ["why"],
            registry=self.registry,
        )
        # To look up a child by its labels costs more than to count with it.
        self._count = lru_cache(maxsize=1024)(requests.labels)
        self._shed = lru_cache(maxsize=16)(sheds.labels)

    def count_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answer; call it in the event loop.

        Args:
            route: the path's pattern, empty where there is none.
            method: of the request.
            status: of the answer.
            seconds: that it took.
        """
        self._count(route, method if route else "", status).inc()
        self._seconds.count(route, seconds)

    def count_stages(self, seconds: Iterable[float]) -> None:
        """Count a search by its stages, in the order of `STAGES`; call it in the event loop."""
        for stage, value in zip(STAGES, seconds, strict=True):
            self._stages.count(stage, value)

    def count_batch(self, n_queries: int) -> None:
        """Count searches that were answered together."""
        self._batch.observe(n_queries)

    def count_shed(self, why: str) -> None:
        """Count a request that was refused for lack of room or time."""
        self._shed(why).inc()

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self.registry)


class Durations(Collector):
    """A histogram of times, counted by one thread alone.

    So it needs none of the locks for which the library's own takes ten times as long.

    Args:
        name: of the histogram.
        documentation: what is timed.
        label: what tells its times apart.
    """

    def __init__(self, name: str, documentation: str, label: str) -> None:
        self._described = name, documentation
        self._label = label
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def count(self, value: str, seconds: float) -> None:
        """Count a time under a value of the label."""
        counts = self._counts.get(value)
        if counts is None:
            counts = self._counts[value] = [0] * (len(SECONDS) + 1)
            self._sums[value] = 0.0
        counts[bisect_left(SECONDS, seconds)] += 1
        self._sums[value] += seconds

    def collect(self) -> Iterator[Metric]:
        """Yield the histogram."""
        family = HistogramMetricFamily(*self._described, labels=[self._label])
        names = [*map(floatToGoString, SECONDS), "+Inf"]
        for value in list(self._counts):
            buckets = list(zip(names, accumulate(self._counts[value]), strict=True))
            family.add_metric([value], buckets, self._sums[value])
        yield family


class StateCollector(Collector):
    """Reads what is so at the moment when it is asked for.

    Args:
        searchers: returns the open snapshot of each index that is served, by name.
        n_waiting: returns how many searches wait.
    """

    def __init__(
        self, searchers: Callable[[], dict[str, Searcher]], n_waiting: Callable[[], int]
    ) -> None:
        self._searchers = searchers
        self._n_waiting = n_waiting

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges."""
        yield GaugeMetricFamily("lsr_queue_length", "Searches that wait.", self._n_waiting())
        yield GaugeMetricFamily("lsr_resident_bytes", "Memory of the process.", _resident_bytes())
        families = {
            "commit": GaugeMetricFamily("lsr_index_commit", "Commit in use.", labels=["index"]),
            "documents": GaugeMetricFamily(
                "lsr_index_documents", "Documents of an index.", labels=["index"]
            ),
            "segments": GaugeMetricFamily(
                "lsr_index_segments", "Segments of an index.", labels=["index"]
            ),
        }
        for name, searcher in self._searchers().items():
            families["commit"].add_metric([name], searcher.manifest.commit)
            families["documents"].add_metric([name], searcher.n_docs)
            families["segments"].add_metric([name], len(searcher.segments))
        yield from families.values()


def _resident_bytes() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize()
    except OSError:  # no Linux: the most it ever was
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
