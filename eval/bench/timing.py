"""How long does a query take, and how many are answered a second?

Latency: one query at a time, on one core. Every variant answers all queries once to warm up; the
timed runs follow in turns, so that a slow spell of the machine hits all alike, and a query's time
is the median of its runs. Throughput: all queries at once through the engine's own interface.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.eval.bench.engines.base import Engine, Hits, Variant
from lsr.sparse import SparseBatch


@dataclass(frozen=True, slots=True)
class Entrant:
    """One variant with the queries in the form that its engine takes.

    Attributes:
        peer: name of the engine in the registry.
        variant: how it searches.
        single: every query by itself.
        together: all queries.
    """

    peer: str
    variant: Variant
    single: Sequence[Any]
    together: Any


def entrants(
    peer: str, engine: Engine, variants: Sequence[Variant], queries: SparseBatch
) -> list[Entrant]:
    """Return the variants of an open engine with prepared queries."""
    single = [engine.prepare(queries.slice(row, row + 1)) for row in range(len(queries))]
    together = engine.prepare(queries)
    return [Entrant(peer, variant, single, together) for variant in variants]


def answers_and_seconds(
    field: Sequence[Entrant], k: int, runs: int
) -> tuple[list[list[Hits]], list[NDArray[np.float64]]]:
    """Return every entrant's answers, and its seconds for each query."""
    found = [[one.variant.search(query, k) for query in one.single] for one in field]
    seconds = np.zeros((len(field), runs, len(field[0].single)))
    for run in range(runs):
        for times, one in zip(seconds, field, strict=True):
            for number, query in enumerate(one.single):
                started = time.perf_counter()
                one.variant.search(query, k)
                times[run, number] = time.perf_counter() - started
    return found, list(np.median(seconds, axis=1))


def queries_per_second(
    search_all: Callable[[Any, int, int], object], one: Entrant, k: int, threads: int, runs: int
) -> float:
    """Return how many queries are answered a second when all are asked at once."""
    search_all(one.together, k, threads)  # starts the threads
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        search_all(one.together, k, threads)
        seconds.append(time.perf_counter() - started)
    return len(one.single) / statistics.median(seconds)
