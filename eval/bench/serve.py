"""What does a search cost over HTTP? The service under load, beside the same queries in process.

The service runs as a process of its own, as `lsr serve` starts it with its defaults, log lines
included. Vectors are asked for ids and scores, so that neither an encoder nor stored texts take
part. After each load, the time until the service answers a request that is alone is taken, and its
memory read.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from lsr.documents import QueryBatch
from lsr.errors import InvalidInputError, ServiceError
from lsr.eval.bench.machine import Machine, this_machine
from lsr.eval.bench.table import aligned
from lsr.eval.bench.wrk import Load, find_wrk, load
from lsr.retrieval import Index

START_LIMIT_S = 300.0
"""To start takes seconds, and minutes where all kernels must be compiled first."""

PACKAGES = ("granian", "fastapi", "msgspec", "numba", "numpy")


@dataclass(frozen=True, slots=True)
class Step:
    """One load, and what was found after it.

    Attributes:
        n_connections: of the load.
        load: what wrk counted.
        recovery_ms: from the end of the load to the answer of a request that is alone.
        memory_bytes: resident memory of the service then; None where the system does not say.
    """

    n_connections: int
    load: Load
    recovery_ms: float
    memory_bytes: int | None


@dataclass(frozen=True, slots=True)
class ServeBenchmark:
    """Result of `bench_serve`.

    Attributes:
        n_docs: of the index.
        n_queries: asked in turn.
        terms_per_query: mean number.
        k: hits of each.
        seconds: of each load.
        in_process_per_second: the same queries, one after another on one thread, by `Index.search`.
        memory_bytes: of the service when it was ready; None where the system does not say.
        steps: one a load, in order.
        machine: where it was measured.
    """

    n_docs: int
    n_queries: int
    terms_per_query: float
    k: int
    seconds: int
    in_process_per_second: float
    memory_bytes: int | None
    steps: tuple[Step, ...]
    machine: Machine

    def as_json(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        values: dict[str, Any] = msgspec.to_builtins(asdict(self))
        return values

    def as_table(self) -> str:
        """Return the result as text."""
        head = ("connections", "answers/s", "of process", "p50", "p99", "longest")
        rows: list[tuple[str, ...]] = [
            (*head, "timed out", "broken", "recovery", "memory", "statuses")
        ]
        for step in self.steps:
            found = step.load
            counts = sorted(found.statuses.items())
            rows.append(
                (
                    f"{step.n_connections:,}",
                    f"{found.answered_per_second:,.0f}",
                    f"{found.answered_per_second / self.in_process_per_second:.0%}",
                    *(f"{one:.1f} ms" for one in (found.p50_ms, found.p99_ms, found.max_ms)),
                    f"{found.n_timeouts:,}",
                    f"{found.n_broken:,}",
                    f"{step.recovery_ms:.0f} ms",
                    _megabytes(step.memory_bytes),
                    " ".join(f"{status}:{n:,}" for status, n in counts),
                )
            )
        return "\n".join(
            [
                *aligned(rows),
                "",
                f"{self.n_queries:,} vectors of {self.terms_per_query:.0f} terms in turn, k "
                f"{self.k}, ids and scores of {self.n_docs:,} documents; {self.seconds} s a load "
                "by wrk on one thread, on the same cores. In process, one after another: "
                f"{self.in_process_per_second:,.0f}/s. Memory before: "
                f"{_megabytes(self.memory_bytes)}.",
                str(self.machine),
            ]
        )


def bench_serve(
    path: Path,
    queries: QueryBatch,
    connections: Sequence[int],
    *,
    n_queries: int = 300,
    k: int = 10,
    seconds: int = 10,
    runs: int = 3,
    on_step: Callable[[Step], None] = lambda step: None,
) -> ServeBenchmark:
    """Start a service, load it, and compare it with the same searches in process.

    Args:
        path: the index.
        queries: texts, which are encoded beforehand, or vectors.
        connections: of each load, one load after another.
        n_queries: of the queries, from the beginning.
        k: hits of each query.
        seconds: of each load.
        runs: in process; the fastest counts.
        on_step: is given each step as it ends.

    Raises:
        ConfigError: wrk is not installed.
        InvalidInputError: a number of connections is below 1, or the index knows no query.
        ServiceError: the service does not start, or fails on a lone request.
    """
    find_wrk()
    if not connections or min(connections) < 1:
        raise InvalidInputError(f"{list(connections)} are no connections; give numbers above 0.")
    index = Index.open(path)
    vectors = _named(index, queries)[:n_queries]
    bodies = [msgspec.json.encode({"vector": one, "k": k, "fields": []}) for one in vectors]
    in_process = _searched_per_second(index, vectors, k, runs)
    steps = []
    with _service(path) as (url, pid):
        _ask(url, bodies[0])
        before = _memory_bytes(pid)
        for n_connections in connections:
            found = load(url, bodies, n_connections, seconds)
            ended = time.perf_counter()
            _ask(url, bodies[0])
            recovery_ms = (time.perf_counter() - ended) * 1000
            step = Step(n_connections, found, recovery_ms, _memory_bytes(pid))
            on_step(step)
            steps.append(step)
    return ServeBenchmark(
        n_docs=index.searcher.n_docs,
        n_queries=len(vectors),
        terms_per_query=sum(map(len, vectors)) / len(vectors),
        k=k,
        seconds=seconds,
        in_process_per_second=in_process,
        memory_bytes=before,
        steps=tuple(steps),
        machine=this_machine(PACKAGES),
    )


def _named(index: Index, queries: QueryBatch) -> list[dict[str, float]]:
    """Return the vectors of queries by the names of their terms, as clients send them."""
    name = index.searcher.vocabulary.name
    vectors = [
        {name(term): weight for term, weight in zip(terms.tolist(), weights.tolist(), strict=True)}
        for terms, weights in index.vectors_of(queries).rows()
    ]
    known = [one for one in vectors if one]
    if not known:
        raise InvalidInputError("The index knows no term of the queries.")
    return known


def _searched_per_second(
    index: Index, vectors: Sequence[dict[str, float]], k: int, runs: int
) -> float:
    fastest = float("inf")
    for run in range(runs + 1):
        started = time.perf_counter()
        for vector in vectors:
            index.search(vector, k)
        if run:  # the first one warms up
            fastest = min(fastest, time.perf_counter() - started)
    return len(vectors) / fastest


@contextmanager
def _service(path: Path) -> Iterator[tuple[str, int]]:
    """Serve an index until the block ends; give where it is searched, and the process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "lsr", "serve", str(path), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(f"http://127.0.0.1:{port}/readyz", process)
            name = path.resolve().name
            yield f"http://127.0.0.1:{port}/v1/indexes/{name}/search", process.pid
        finally:
            process.kill()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_LIMIT_S
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=START_LIMIT_S):
                return
        except OSError:  # nobody listens yet, or it is not ready
            time.sleep(0.05)
    raise ServiceError(f"The service does not answer at {url}; start it with lsr serve to see why.")


def _ask(url: str, body: bytes) -> None:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        raise ServiceError(f"{url} answers {error.code}: {error.read().decode()}.") from None
    except OSError as error:
        raise ServiceError(f"{url} does not answer: {error}.") from error


def _memory_bytes(pid: int) -> int | None:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    (line,) = (one for one in lines if one.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def _megabytes(n_bytes: int | None) -> str:
    return "-" if n_bytes is None else f"{n_bytes / 1e6:,.0f} MB"
