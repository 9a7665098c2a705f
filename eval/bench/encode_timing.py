"""How long does encoding take? Every contestant in turns, on the same cores and the same texts.

Each encodes everything once to warm up, which gives its vectors. The timed runs follow in turns, so
that a slow spell of the machine hits all alike. A workload of many texts is handed over at once and
timed as a whole; queries are encoded one at a time, and a query's time is the median of its runs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lsr.eval.bench.encoders.base import Opened, is_installed
from lsr.eval.bench.workloads import Workloads
from lsr.sparse import SparseBatch


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds that one contestant took.

    Attributes:
        passages: all of them, in each run.
        long_documents: all of them, in each run.
        queries: each of them, shape (runs, queries).
    """

    passages: tuple[float, ...]
    long_documents: tuple[float, ...]
    queries: NDArray[np.float64]


def warmed_up(opened: Opened, workloads: Workloads) -> SparseBatch:
    """Encode all texts once; return the vectors of passages, long documents and queries."""
    parts = [opened.documents(workloads.passages), opened.documents(workloads.long_documents)]
    parts += [opened.queries([query]) for query in workloads.queries]
    return SparseBatch.concatenate([opened.as_batch(part) for part in parts])


def times_in_turns(
    contestants: Mapping[str, Opened], workloads: Workloads, runs: int
) -> dict[str, Times]:
    """Return the times of every contestant, all warmed up before."""
    taken: dict[str, list[tuple[float, float, list[float]]]] = {name: [] for name in contestants}
    for _ in range(runs):
        for name, opened in contestants.items():
            taken[name].append(_one_run(opened, workloads))
    times = {}
    for name, all_runs in taken.items():
        passages, long_documents, queries = zip(*all_runs, strict=True)
        times[name] = Times(passages, long_documents, np.array(queries))
    return times


def _one_run(opened: Opened, workloads: Workloads) -> tuple[float, float, list[float]]:
    clock = time.perf_counter
    started = clock()
    opened.documents(workloads.passages)
    between = clock()
    opened.documents(workloads.long_documents)
    ended = clock()
    queries = []
    for query in workloads.queries:
        asked = clock()
        opened.queries([query])
        queries.append(clock() - asked)
    return between - started, ended - between, queries


@contextmanager
def torch_threads(n_threads: int) -> Iterator[None]:
    """Set how many threads torch splits an operation over, if there is torch."""
    if not is_installed("torch"):
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
