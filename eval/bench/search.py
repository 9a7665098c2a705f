"""How fast is a query answered, beside engines that search the same vectors?

Every engine gets the same impacts, the same integer query weights and the same document order, in
one process on one core. Each answers all queries once to warm up, and these answers are compared
with brute force; the timed runs follow in turns, so that a slow spell of the machine hits all
alike. A query's time is the median of its runs.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lsr.corpus import read_documents, read_queries
from lsr.errors import ConfigError, InvalidInputError
from lsr.eval.bench.machine import this_machine
from lsr.eval.bench.search_engines import PEERS, Engine, Hits, Lsr, muted
from lsr.eval.bench.search_result import Contestant, SearchBenchmark
from lsr.index import Vocabulary
from lsr.index.quantization import ImpactQuantizer
from lsr.sparse import SparseBatch

MISSING_PEER = '{} is not installed, so it is not compared: pip install "lsr-engine[bench]"'
WARM_UP_DOCS = 100


class _Build(NamedTuple):
    seconds: float
    size_bytes: int


class _Grade(NamedTuple):
    n_differing: int
    recall: float


def read_vectors(
    corpus: str, queries: str, *, n_docs: int | None = None, n_queries: int | None = None
) -> tuple[SparseBatch, SparseBatch]:
    """Read the vectors of documents and of queries, in one vocabulary.

    Queries without a term of the documents are left out: they cost nothing.

    Args:
        corpus: as `read_documents` takes it.
        queries: as `read_queries` takes it.
        n_docs: documents from the beginning; all by default.
        n_queries: queries from the beginning; all by default.

    Raises:
        InvalidInputError: there are texts where vectors are needed, or nothing is left.
    """
    vocabulary = Vocabulary.empty()
    parts: list[SparseBatch] = []
    n_read = 0
    for batch in read_documents(corpus):
        if batch.vectors is None:
            raise InvalidInputError(f"{corpus} holds texts; make vectors with lsr encode first.")
        parts.append(vocabulary.documents(batch.vectors, batch.vocabulary))
        n_read += len(batch.vectors)
        if n_docs is not None and n_read >= n_docs:
            break
    asked = read_queries(queries)
    if asked.vectors is None:
        raise InvalidInputError(f"{queries} holds texts; make vectors with lsr encode first.")
    known = vocabulary.queries(asked.vectors, asked.vocabulary)
    rows = np.flatnonzero(known.active_dims)[:n_queries].tolist()
    if not rows:
        raise InvalidInputError(f"No query of {queries} has a term of the documents of {corpus}.")
    vectors = SparseBatch.concatenate(parts)
    return vectors.slice(0, min(len(vectors), n_docs or len(vectors))), known.take(rows)


def bench_search(
    vectors: SparseBatch,
    queries: SparseBatch,
    *,
    peers: Sequence[str] = tuple(PEERS),
    k: int = 10,
    runs: int = 3,
) -> SearchBenchmark:
    """Time the search of `vectors` by `lsr` and by peers.

    Args:
        vectors: documents; their weights become 8-bit impacts.
        queries: in the same vocabulary; their weights become 8 bits each.
        peers: of `PEERS`; one that is not installed is noted in the result.
        k: hits of each query.
        runs: timed runs of each engine.

    Raises:
        ConfigError: a peer is unknown.
        InvalidInputError: there is nothing to search, or no run.
    """
    if unknown := set(peers) - set(PEERS):
        raise ConfigError(f"There is no peer {min(unknown)!r}; known are {', '.join(PEERS)}.")
    if not vectors.nnz or not queries.nnz or min(k, runs) < 1:
        raise InvalidInputError(
            f"{vectors.nnz} postings, {queries.nnz} query terms, k {k} and {runs} runs make no "
            "benchmark."
        )
    machine = this_machine(("lsr-engine", "numba", *(peer.package for peer in PEERS.values())))
    wanted = [PEERS[name] for name in peers]
    missing = [peer for peer in wanted if importlib.util.find_spec(peer.module) is None]
    engines: list[Engine] = [Lsr(), *(peer() for peer in wanted if peer not in missing)]
    impacts = replace(vectors, weights=_impacts(vectors.weights))
    weights = [_impacts(weights) for _, weights in queries.rows()]
    integers = replace(queries, weights=np.concatenate(weights))
    with tempfile.TemporaryDirectory(prefix="lsr-bench-") as folder, _one_core() as pinned:
        built = [_build(engine, impacts, Path(folder)) for engine in engines]
        found, seconds = _answer(engines, integers, k, runs)
    truths = _exact_scores(impacts, integers)
    graded = _grade(truths, found, k)
    ours = float(seconds[0].mean())
    contestants = []
    for engine, times, build, grade in zip(engines, seconds, built, graded, strict=True):
        p50, p95, p99 = (float(value) * 1e3 for value in np.percentile(times, (50, 95, 99)))
        mean = float(times.mean())
        contestant = Contestant(
            name=engine.name,
            exact=engine.exact,
            mean_ms=mean * 1e3,
            p50_ms=p50,
            p95_ms=p95,
            p99_ms=p99,
            ratio=mean / ours,
            build_seconds=build.seconds,
            size_bytes=build.size_bytes,
            bytes_per_posting=build.size_bytes / vectors.nnz,
            n_differing=grade.n_differing,
            recall=grade.recall,
        )
        contestants.append(contestant)
    return SearchBenchmark(
        n_docs=len(vectors),
        n_postings=vectors.nnz,
        n_queries=len(queries),
        terms_per_query=queries.nnz / len(queries),
        k=k,
        runs=runs,
        pinned=pinned,
        contestants=tuple(contestants),
        notes=tuple(MISSING_PEER.format(peer.package) for peer in missing),
        machine=machine,
    )


def _impacts(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round weights to integers from 1 to 255, the largest to 255 unless all are such already."""
    return ImpactQuantizer.for_weights(weights).quantize(weights).astype(np.float32)


@contextmanager
def _one_core() -> Iterator[bool]:
    """Bind this thread, and those it starts, to one core where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield False
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield True
    finally:
        os.sched_setaffinity(0, allowed)


def _build(engine: Engine, vectors: SparseBatch, folder: Path) -> _Build:
    """Return the seconds of a build and the bytes of what it left for search."""
    with muted():
        # Imports and compiles what the build needs, off the clock.
        with tempfile.TemporaryDirectory(dir=folder) as warm_up:
            engine.build(vectors.slice(0, min(WARM_UP_DOCS, len(vectors))), Path(warm_up))
        started = time.perf_counter()
        files = engine.build(vectors, folder)
        seconds = time.perf_counter() - started
    return _Build(seconds, sum(file.stat().st_size for file in files))


def _answer(
    engines: Sequence[Engine], queries: SparseBatch, k: int, runs: int
) -> tuple[list[list[Hits]], list[NDArray[np.float64]]]:
    """Return every engine's answers, and its seconds for each query."""
    prepared = [[engine.prepare(*row) for row in queries.rows()] for engine in engines]
    found = [
        [engine.search(query, k) for query in own]
        for engine, own in zip(engines, prepared, strict=True)
    ]
    seconds = np.zeros((len(engines), runs, len(queries)))
    for run in range(runs):
        for times, engine, own in zip(seconds, engines, prepared, strict=True):
            for number, query in enumerate(own):
                started = time.perf_counter()
                engine.search(query, k)
                times[run, number] = time.perf_counter() - started
    return found, list(np.median(seconds, axis=1))


def _exact_scores(vectors: SparseBatch, queries: SparseBatch) -> Iterator[NDArray[np.float64]]:
    """Yield the scores of all documents for each query, by brute force."""
    columns = vectors.to_scipy().tocsc()
    for terms, weights in queries.rows():
        yield columns[:, terms.astype(np.int64)] @ weights.astype(np.float64)


def _grade(
    truths: Iterator[NDArray[np.float64]], found: Sequence[Sequence[Hits]], k: int
) -> list[_Grade]:
    """Return for each engine how many queries differ from the truth, and its mean recall."""
    n_differing = [0] * len(found)
    recalls = [0.0] * len(found)
    for query, truth in enumerate(truths):
        best = [score for score in np.sort(truth)[::-1][:k].tolist() if score > 0]
        for engine, answers in enumerate(found):
            hits = answers[query]
            true_scores = [float(truth[number]) for number, _ in hits]
            exact = [score for _, score in hits] == true_scores == best
            n_differing[engine] += not exact
            good = sum(score >= best[-1] for score in true_scores) if best else 0
            recalls[engine] += good / len(best) if best else 1.0
    n_queries = len(found[0])
    return [_Grade(n, recall / n_queries) for n, recall in zip(n_differing, recalls, strict=True)]
