"""How fast is a query answered, beside engines that search the same vectors?

Every engine gets the same impacts, the same integer query weights and the same document order. It
builds its index once, in a process of its own (`build`), and is timed here in all its variants
(`timing`); every answer is compared with brute force (`truth`). Variants are chosen on the
even-numbered queries, counted from 0, and reported by the odd-numbered ones.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lsr.errors import ConfigError, InvalidInputError
from lsr.eval.bench.build import Build, BuildError, build_apart
from lsr.eval.bench.cores import one_core
from lsr.eval.bench.engines.registry import ALIASES, ENGINES, OURS
from lsr.eval.bench.machine import this_machine
from lsr.eval.bench.muting import muted
from lsr.eval.bench.resample import resample
from lsr.eval.bench.search_result import (
    BuiltIndex,
    Contestant,
    SearchBenchmark,
    fastest,
)
from lsr.eval.bench.stored_vectors import store_vectors
from lsr.eval.bench.timing import Entrant, answers_and_seconds, entrants, queries_per_second
from lsr.eval.bench.truth import Grades, best_scores, grade
from lsr.eval.bench.vectors import ORDERS, as_impacts, as_integer_queries, in_order
from lsr.sparse import SparseBatch

THREADS = (1, 2)
VECTORS = "vectors"


def peers_named(names: str) -> list[str] | None:
    """Return the peers that a user names: None for ``all``, else those between the commas.

    Raises:
        ConfigError: a peer is unknown, or cannot run here.
    """
    if names == "all":
        return None
    peers = [] if names == "none" else [ALIASES.get(name, name) for name in names.split(",")]
    _refuse_unknown(peers)
    for peer in peers:
        if why := ENGINES[peer]().why_missing():
            raise ConfigError(f"{peer} cannot be compared: {why}.")
    return peers


def bench_search(
    vectors: SparseBatch,
    queries: SparseBatch,
    *,
    peers: Sequence[str] | None = None,
    n_docs: int | None = None,
    order: str = "natural",
    k: int = 10,
    runs: int = 3,
) -> SearchBenchmark:
    """Time the search of `vectors` by `lsr` and by peers.

    Args:
        vectors: documents; their weights become 8-bit impacts.
        queries: in the same vocabulary; their weights become 8 bits each.
        peers: of `ENGINES`; by default all, and those that cannot run are noted in the result.
        n_docs: documents to index, mixed from the real ones where these are too few.
        order: of `ORDERS`, the same for all engines.
        k: hits of each query.
        runs: timed runs of each contestant.

    Raises:
        ConfigError: a peer or the order is unknown.
        InvalidInputError: there is nothing to search, or no run.
        BuildError: our own index could not be built.
    """
    _refuse_unknown(peers or ())
    if order not in ORDERS:
        raise ConfigError(f"There is no order {order!r}; known are {', '.join(ORDERS)}.")
    if not vectors.nnz or not queries.nnz or min(k, runs) < 1:
        raise InvalidInputError(
            f"{vectors.nnz} postings, {queries.nnz} query terms, k {k} and {runs} runs make no "
            "benchmark."
        )
    machine = this_machine(("numba", *dict.fromkeys(one.package for one in ENGINES.values())))
    n_docs = n_docs or len(vectors)
    asked = as_integer_queries(queries)
    with tempfile.TemporaryDirectory(prefix="lsr-bench-") as name:
        folder = Path(name)
        documents = _staged(vectors, n_docs, order, folder)
        builds, notes = _built(peers, folder)
        field = [one for peer in builds for one in _opened(peer, folder, asked)]
        contestants, pinned = _measured(field, documents, asked, k, runs)
        n_postings = documents.nnz
        del documents, field  # before their files go
    others = [one for one in contestants if one.peer != OURS]
    return SearchBenchmark(
        n_docs=n_docs,
        n_resampled=max(0, n_docs - len(vectors)),
        order=order,
        n_postings=n_postings,
        n_queries=len(queries),
        terms_per_query=queries.nnz / len(queries),
        k=k,
        runs=runs,
        pinned=pinned,
        indexes=tuple(
            BuiltIndex(
                peer, one.seconds, one.size_bytes, one.size_bytes / n_postings, one.peak_bytes
            )
            for peer, one in builds.items()
        ),
        contestants=tuple(contestants),
        ours=_reference(contestants).name,
        best_exact_peer=_name(fastest(others, exact=True)),
        best_approximate_peer=_name(fastest(others, exact=False)),
        notes=tuple(notes),
        machine=machine,
    )


def _refuse_unknown(peers: Sequence[str]) -> None:
    known = [name for name in ENGINES if name != OURS]
    if unknown := [peer for peer in peers if peer not in known]:
        raise ConfigError(f"There is no peer {unknown[0]!r}; known are {', '.join(known)}.")


def _staged(vectors: SparseBatch, n_docs: int, order: str, folder: Path) -> SparseBatch:
    """Store the documents that all engines index, as integers, and return them mapped."""
    documents = store_vectors(resample(as_impacts(vectors), n_docs), folder / "natural")
    numbers = ORDERS[order](documents)
    if numbers is None:
        (folder / "natural").rename(folder / VECTORS)
        return documents
    ordered = store_vectors(in_order(documents, numbers), folder / VECTORS)
    shutil.rmtree(folder / "natural")
    return ordered


def _built(peers: Sequence[str] | None, folder: Path) -> tuple[dict[str, Build], list[str]]:
    """Build one index after the other; return what each cost, and why others are not compared."""
    builds: dict[str, Build] = {}
    notes: list[str] = []
    for name, kind in ENGINES.items():
        if name != OURS and peers is not None and name not in peers:
            continue
        engine = kind()
        why = engine.why_missing()
        if why is None:
            try:
                builds[name] = build_apart(name, folder / VECTORS, folder / name)
            except BuildError as error:
                if name == OURS:
                    raise
                why = str(error).rstrip(".")
        if why is not None:
            notes.append(f"{name} is not compared: {why}.")
        elif engine.about:
            notes.append(engine.about)
    return builds, notes


def _opened(name: str, folder: Path, queries: SparseBatch) -> list[Entrant]:
    engine = ENGINES[name]()
    with muted():
        return entrants(name, engine, engine.open(folder / name), queries)


def _measured(
    field: Sequence[Entrant], vectors: SparseBatch, queries: SparseBatch, k: int, runs: int
) -> tuple[list[Contestant], bool]:
    """Return the figures of each entrant, and whether one core was held to."""
    with one_core() as pinned:
        found, seconds = answers_and_seconds(field, k, runs)
    grades = grade(vectors, queries, best_scores(vectors, queries, k), found)
    measured = [_contestant(*figures) for figures in zip(field, seconds, grades, strict=True)]
    ours = _reference(measured).mean_ms
    compared = [replace(one, ratio=one.mean_ms / ours) for one in measured]
    return _with_throughput(compared, field, k, runs), pinned


def _contestant(entrant: Entrant, seconds: NDArray[np.float64], grades: Grades) -> Contestant:
    """Return the figures for choosing, of every other query, and those to report, of the rest."""
    for_choice = slice(0, None, 2)
    reported = slice(1, None, 2) if seconds.size > 1 else for_choice
    ms = seconds[reported] * 1e3
    p50, p95, p99 = np.percentile(ms, (50, 95, 99)).tolist()
    return Contestant(
        peer=entrant.peer,
        name=entrant.variant.name,
        exact=entrant.variant.exact,
        choice_ms=float(seconds[for_choice].mean()) * 1e3,
        choice_recall=float(grades.recall[for_choice].mean()),
        mean_ms=float(ms.mean()),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        ratio=1.0,
        n_differing=int(np.count_nonzero(grades.differs)),
        recall=float(grades.recall[reported].mean()),
        queries_per_second=(),
    )


def _with_throughput(
    contestants: Sequence[Contestant], field: Sequence[Entrant], k: int, runs: int
) -> list[Contestant]:
    """Add queries a second to the best exact and the best approximate variant of each engine."""
    best = {
        _name(fastest((one for one in contestants if one.peer == peer), exact=exact))
        for peer in {one.peer for one in contestants}
        for exact in (True, False)
    }
    completed = []
    for one, entrant in zip(contestants, field, strict=True):
        rates: list[float] = []
        if one.name in best and (search_all := entrant.variant.search_all):
            rates = [queries_per_second(search_all, entrant, k, n, runs) for n in THREADS]
        completed.append(replace(one, queries_per_second=tuple(rates)))
    return completed


def _reference(contestants: Sequence[Contestant]) -> Contestant:
    """Return the contestant of ours that the others are compared with."""
    best = fastest((one for one in contestants if one.peer == OURS), exact=True)
    assert best is not None  # exact search is what the engine is for
    return best


def _name(contestant: Contestant | None) -> str | None:
    return contestant.name if contestant else None
