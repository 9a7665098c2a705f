import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from typer.testing import CliRunner

from lsr.cli.bench import app
from lsr.errors import ConfigError, InvalidInputError
from lsr.eval.bench import search as subject
from lsr.eval.bench.build import Build, BuildError, build_here
from lsr.eval.bench.engines.anserini import Anserini
from lsr.eval.bench.engines.base import Hits, Variant
from lsr.eval.bench.engines.registry import ENGINES
from lsr.eval.bench.search import bench_search, peers_named
from lsr.eval.bench.stored_vectors import mapped_vectors
from lsr.eval.bench.vectors import ORDERS
from lsr.kernels.algorithm import Algorithm
from lsr.sparse import SparseBatch

VECTORS = SparseBatch.from_rows([[(0, 1), (1, 255)], [], [(1, 200), (2, 7)], [(2, 9)]], n_terms=3)
QUERIES = SparseBatch.from_rows([[(1, 2)], [(0, 3), (2, 255)]], n_terms=3)
RIGHT: dict[int, Hits] = {
    1: [(0, 510.0), (2, 400.0)],
    0: [(3, 2295.0), (2, 1785.0), (0, 3.0)],
}
# Taken before any benchmark of this process could keep them.
CORES = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None


class Rehearsed:
    """Gives the answers it was taught, by the first term of the query."""

    package: ClassVar[str] = "rehearsed"
    about: ClassVar[str] = "It was rehearsed."
    missing: ClassVar[str | None] = None
    answers: ClassVar[dict[int, Hits]] = {}
    exact: ClassVar[bool] = True
    received: ClassVar[list[float]] = []

    def why_missing(self) -> str | None:
        return self.missing

    def build(self, vectors: SparseBatch, folder: Path) -> None:
        type(self).received = vectors.weights.tolist()
        (folder / "rehearsed").write_bytes(b"12345")
        os.write(1, b"noise")

    def files(self, folder: Path) -> Iterable[Path]:
        return [folder / "rehearsed"]

    def open(self, folder: Path) -> Sequence[Variant]:
        return [Variant("rehearsed well", self.exact, self.search, lambda *arguments: None)]

    def prepare(self, queries: SparseBatch) -> Any:
        return [int(terms[0]) for terms, _ in queries.rows()]

    def search(self, query: Any, k: int) -> Hits:
        return self.answers[query[0]][:k]


def _build_in_this_process(name: str, vectors: Path, folder: Path) -> Build:
    engine = ENGINES[name]()
    build_here(engine, mapped_vectors(vectors), folder)
    return Build(2.0, sum(file.stat().st_size for file in engine.files(folder)), 10)


@pytest.fixture
def rehearsed(monkeypatch: pytest.MonkeyPatch) -> type[Rehearsed]:
    monkeypatch.setattr(subject, "build_apart", _build_in_this_process)
    monkeypatch.setattr("lsr.eval.bench.engines.ours.Algorithm", [Algorithm.AUTO])
    monkeypatch.setitem(ENGINES, "rehearsed", Rehearsed)
    monkeypatch.setattr(Rehearsed, "answers", dict(RIGHT))
    return Rehearsed


def test_right_answers_do_not_differ(
    rehearsed: type[Rehearsed], capfd: pytest.CaptureFixture[str]
) -> None:
    result = bench_search(VECTORS, QUERIES, peers=["rehearsed"], k=3, runs=2)

    ours, peer = result.contestants
    assert (ours.name, peer.name) == ("lsr auto", "rehearsed well")
    assert (ours.n_differing, peer.n_differing) == (0, 0)
    assert (ours.recall, peer.recall) == (1.0, 1.0)
    assert (ours.ratio, result.ours) == (1.0, "lsr auto")
    assert all(rate > 0 for one in result.contestants for rate in one.queries_per_second)
    assert [len(one.queries_per_second) for one in result.contestants] == [2, 2]
    index = result.indexes[1]
    assert (index.peer, index.size_bytes, index.bytes_per_posting) == ("rehearsed", 5, 1.0)
    assert result.notes == ("It was rehearsed.",)
    assert capfd.readouterr().out == ""


def test_weights_become_8_bit_integers_unless_they_are(rehearsed: type[Rehearsed]) -> None:
    halves = replace(VECTORS, weights=VECTORS.weights / np.float32(2))

    bench_search(VECTORS, QUERIES, peers=["rehearsed"], runs=1)
    kept = rehearsed.received
    bench_search(halves, QUERIES, peers=["rehearsed"], runs=1)

    assert kept == rehearsed.received == [1, 255, 200, 7, 9]


def test_wrong_answers_are_counted(rehearsed: type[Rehearsed]) -> None:
    rehearsed.answers[0] = [(3, 2295.0)]

    peer = bench_search(VECTORS, QUERIES, peers=["rehearsed"], k=3, runs=1).contestants[1]

    assert peer.n_differing == 1
    assert peer.choice_recall == 1.0
    assert peer.recall == pytest.approx(1 / 3)


def test_even_queries_choose_and_odd_ones_are_reported(
    rehearsed: type[Rehearsed], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Three runs; in each, ours and the peer answer both queries.
    ours, peer = [(1.0, 2.0), (5.0, 2.0), (3.0, 8.0)], [(4.0, 4.0), (4.0, 4.0), (4.0, 6.0)]
    spans = [span for run in zip(ours, peer, strict=True) for times in run for span in times]
    readings = iter([value for span in spans for value in (0.0, span)] + [0.0, 1.0] * 12)
    clock = SimpleNamespace(perf_counter=lambda: next(readings))
    monkeypatch.setattr("lsr.eval.bench.timing.time", clock)

    result = bench_search(VECTORS, QUERIES, peers=["rehearsed"], runs=3)

    first, second = result.contestants
    assert (first.choice_ms, second.choice_ms) == (3e3, 4e3)
    assert (first.mean_ms, second.mean_ms) == (2e3, 4e3)
    assert second.ratio == 2.0
    assert first.queries_per_second == second.queries_per_second == (2.0, 2.0)
    assert "best exact peer: rehearsed well, 2.0x ours" in result.as_table()


def test_documents_are_put_in_order_for_all(
    rehearsed: type[Rehearsed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ORDERS, "backwards", lambda vectors: np.arange(len(vectors))[::-1])
    rehearsed.answers |= {
        term: [(3 - number, score) for number, score in hits] for term, hits in RIGHT.items()
    }

    result = bench_search(VECTORS, QUERIES, peers=["rehearsed"], order="backwards", k=3, runs=1)

    assert rehearsed.received == [9, 200, 7, 1, 255]
    assert [one.n_differing for one in result.contestants] == [0, 0]
    assert "in backwards order" in result.as_table()


def test_documents_are_mixed_where_there_are_too_few(rehearsed: type[Rehearsed]) -> None:
    result = bench_search(VECTORS, QUERIES, peers=(), n_docs=50, runs=1)

    assert (result.n_docs, result.n_resampled) == (50, 46)
    assert result.contestants[0].n_differing == 0
    assert "46 of them mixed from real ones" in result.as_table()


def test_one_query_is_chosen_by_and_reported(rehearsed: type[Rehearsed]) -> None:
    result = bench_search(VECTORS, QUERIES.slice(0, 1), peers=(), runs=1)

    assert result.contestants[0].choice_ms == result.contestants[0].mean_ms


def test_an_absent_peer_is_noted_unless_it_was_named(
    rehearsed: type[Rehearsed], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in set(ENGINES) - {"lsr", "rehearsed"}:
        monkeypatch.setattr(ENGINES[name], "why_missing", lambda self: "it is away")
    monkeypatch.setattr(Rehearsed, "missing", "it sleeps")

    result = bench_search(VECTORS, QUERIES, peers=peers_named("all"), runs=1)

    assert [one.name for one in result.contestants] == ["lsr auto"]
    assert "rehearsed is not compared: it sleeps." in result.as_table()
    with pytest.raises(ConfigError, match="rehearsed cannot be compared: it sleeps"):
        peers_named("rehearsed")


def test_a_peer_that_builds_nothing_is_noted(
    rehearsed: type[Rehearsed], monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(name: str, vectors: Path, folder: Path) -> Build:
        if name == failing:
            raise BuildError(f"{name} built no index: no room.")
        return _build_in_this_process(name, vectors, folder)

    monkeypatch.setattr(subject, "build_apart", build)

    failing = "rehearsed"
    result = bench_search(VECTORS, QUERIES, peers=["rehearsed"], runs=1)
    assert "rehearsed is not compared: rehearsed built no index: no room." in result.notes

    failing = "lsr"
    with pytest.raises(BuildError):
        bench_search(VECTORS, QUERIES, peers=["rehearsed"], runs=1)


def test_the_process_may_use_its_cores_again(rehearsed: type[Rehearsed]) -> None:
    result = bench_search(VECTORS, QUERIES, peers=(), runs=1)

    assert result.pinned is (CORES is not None)
    assert CORES is None or os.sched_getaffinity(0) == CORES


def test_unknown_names_and_empty_runs_are_refused() -> None:
    with pytest.raises(ConfigError, match="no peer 'lucene'; known are pisa"):
        peers_named("lucene")
    with pytest.raises(ConfigError, match="no peer 'lsr'"):
        bench_search(VECTORS, QUERIES, peers=["lsr"])
    with pytest.raises(ConfigError, match="no order 'sorted'; known are natural"):
        bench_search(VECTORS, QUERIES, order="sorted")
    with pytest.raises(InvalidInputError, match="0 runs"):
        bench_search(VECTORS, QUERIES, runs=0)
    with pytest.raises(InvalidInputError, match="0 postings"):
        bench_search(VECTORS.slice(1, 2), QUERIES)


def test_the_command_prints_json_and_draws(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    corpus, plot = tmp_path / "v.jsonl", tmp_path / "plot.png"
    corpus.write_text('{"id": "a", "vector": {"sea": 1}}\n', "utf-8")
    arguments = ["search", str(corpus), str(corpus), "--peers", "none", "--runs", "1", "--json"]

    result = CliRunner().invoke(app, [*arguments, "--plot", str(plot)], catch_exceptions=False)

    assert result.exit_code == 0, result.output
    assert '"n_differing":0' in result.stdout
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_pyserini_is_anserini(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Anserini, "why_missing", lambda self: None)

    assert peers_named("pyserini") == peers_named("anserini") == ["anserini"]
