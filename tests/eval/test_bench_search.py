import importlib.util
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from lsr.cli.bench import app
from lsr.errors import ConfigError, InvalidInputError
from lsr.eval.bench.search import bench_search, read_vectors
from lsr.eval.bench.search_engines import PEERS, Hits, muted
from lsr.sparse import SparseBatch

VECTORS = SparseBatch.from_rows([[(0, 1), (1, 255)], [], [(1, 200), (2, 7)], [(2, 9)]], n_terms=3)
QUERIES = SparseBatch.from_rows([[(1, 2)], [(0, 3), (2, 255)]], n_terms=3)
# Taken before any benchmark of this process could keep them.
CORES = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None


class Rehearsed:
    """Gives the answers it was taught, by the first term of the query."""

    name: ClassVar[str] = "rehearsed"
    package: ClassVar[str] = "rehearsed"
    module: ClassVar[str] = "lsr"
    exact: ClassVar[bool] = True
    answers: ClassVar[dict[int, Hits]] = {}
    received: ClassVar[list[float]] = []

    def build(self, vectors: SparseBatch, folder: Path) -> Iterable[Path]:
        type(self).received = vectors.weights.tolist()
        file = folder / "rehearsed"
        file.write_bytes(b"12345")
        os.write(1, b"noise")
        return [file]

    def prepare(self, terms: NDArray[np.uint32], weights: NDArray[np.float32]) -> Any:
        return int(terms[0])

    def search(self, query: Any, k: int) -> Hits:
        return self.answers[query][:k]


@pytest.fixture
def rehearsed(monkeypatch: pytest.MonkeyPatch) -> type[Rehearsed]:
    monkeypatch.setitem(PEERS, "rehearsed", Rehearsed)
    right = {1: [(0, 510.0), (2, 400.0)], 0: [(3, 2295.0), (2, 1785.0), (0, 3.0)]}
    monkeypatch.setattr(Rehearsed, "answers", right)
    return Rehearsed


def test_right_answers_do_not_differ(
    rehearsed: type[Rehearsed], capfd: pytest.CaptureFixture[str]
) -> None:
    result = bench_search(VECTORS, QUERIES, peers=["rehearsed"], k=3, runs=2)

    ours, peer = result.contestants
    assert (ours.name, peer.name) == ("lsr", "rehearsed")
    assert (ours.n_differing, peer.n_differing) == (0, 0)
    assert (ours.recall, peer.recall) == (1.0, 1.0)
    assert (peer.size_bytes, peer.bytes_per_posting) == (5, 1.0)
    assert ours.ratio == 1.0
    assert capfd.readouterr().out == ""


def test_weights_become_8_bit_integers_unless_they_are(rehearsed: type[Rehearsed]) -> None:
    halves = replace(VECTORS, weights=VECTORS.weights / np.float32(2))

    bench_search(VECTORS, QUERIES, peers=["rehearsed"], runs=1)
    kept = rehearsed.received
    bench_search(halves, QUERIES, peers=["rehearsed"], runs=1)

    assert kept == rehearsed.received == [1, 255, 200, 7, 9]


@pytest.mark.parametrize(
    ("wrong", "recall"),
    [
        ([(0, 510.0)], 0.75),
        ([(0, 510.0), (2, 401.0)], 1.0),
        ([(2, 510.0), (0, 400.0)], 1.0),
        ([(0, 510.0), (3, 400.0)], 0.75),
        ([], 0.5),
    ],
    ids=["one missing", "wrong score", "swapped documents", "wrong document", "nothing"],
)
def test_wrong_answers_are_counted(rehearsed: type[Rehearsed], wrong: Hits, recall: float) -> None:
    rehearsed.answers[1] = wrong

    peer = bench_search(VECTORS, QUERIES, peers=["rehearsed"], k=3, runs=1).contestants[1]

    assert peer.n_differing == 1
    assert peer.recall == pytest.approx(recall)


def test_a_document_that_ties_with_the_last_one_counts(rehearsed: type[Rehearsed]) -> None:
    vectors = SparseBatch.from_rows([[(0, 1)], [(0, 1)]], n_terms=1)
    rehearsed.answers[0] = [(1, 1.0)]
    queries = vectors.slice(0, 1)

    peer = bench_search(vectors, queries, peers=["rehearsed"], k=1, runs=1).contestants[1]

    assert (peer.n_differing, peer.recall) == (0, 1.0)


def test_a_querys_time_is_the_median_of_its_runs(
    rehearsed: type[Rehearsed], monkeypatch: pytest.MonkeyPatch
) -> None:
    builds = [0.0, 7.0, 0.0, 9.0]
    # Three runs; in each, ours and the peer answer both queries.
    ours, peer = [(1.0, 2.0), (5.0, 2.0), (3.0, 8.0)], [(4.0, 4.0), (4.0, 4.0), (4.0, 6.0)]
    spans = [span for run in zip(ours, peer, strict=True) for times in run for span in times]
    readings = iter(builds + [value for span in spans for value in (0.0, span)])
    clock = SimpleNamespace(perf_counter=lambda: next(readings))
    monkeypatch.setattr("lsr.eval.bench.search.time", clock)

    result = bench_search(VECTORS, QUERIES, peers=["rehearsed"], runs=3)

    first, second = result.contestants
    assert (first.build_seconds, second.build_seconds) == (7.0, 9.0)
    assert first.mean_ms == pytest.approx((3.0 + 2.0) / 2 * 1e3)
    assert first.p50_ms == pytest.approx(2.5e3)
    assert second.mean_ms == pytest.approx(4.0e3)
    assert second.ratio == pytest.approx(1.6)
    assert "1.60x" in result.as_table()


@pytest.mark.parametrize("name", ["pisa", "seismic"])
def test_installed_peers_agree_with_brute_force(name: str) -> None:
    pytest.importorskip(PEERS[name].module)
    rng = np.random.default_rng(5)
    dense = rng.integers(1, 256, (60, 40)) * (rng.random((60, 40)) < 0.3)
    asked = rng.integers(1, 256, (20, 40)) * (rng.random((20, 40)) < 0.2)
    asked[:, 0] = 1

    result = bench_search(
        SparseBatch.from_matrix(dense), SparseBatch.from_matrix(asked), peers=[name], runs=1
    )

    ours, peer = result.contestants
    assert (ours.n_differing, ours.recall) == (0, 1.0)
    assert peer.recall > 0.8
    assert not peer.exact or peer.n_differing == 0
    assert peer.size_bytes > 0


def test_an_absent_peer_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    result = bench_search(VECTORS, QUERIES, runs=1)

    assert [one.name for one in result.contestants] == ["lsr"]
    assert "pyterrier-pisa is not installed" in result.as_table()
    assert 'pip install "lsr-engine[bench]"' in result.as_table()


def test_the_process_may_use_its_cores_again() -> None:
    result = bench_search(VECTORS, QUERIES, peers=(), runs=1)

    assert result.pinned is (CORES is not None)
    assert CORES is None or os.sched_getaffinity(0) == CORES


def test_unknown_peers_and_empty_runs_are_refused() -> None:
    with pytest.raises(ConfigError, match="no peer 'lucene'"):
        bench_search(VECTORS, QUERIES, peers=["lucene"])
    with pytest.raises(InvalidInputError, match="0 runs"):
        bench_search(VECTORS, QUERIES, runs=0)
    with pytest.raises(InvalidInputError, match="0 postings"):
        bench_search(VECTORS.slice(1, 2), QUERIES)


def test_muted_output_is_not_lost_afterwards(capfd: pytest.CaptureFixture[str]) -> None:
    with muted():
        os.write(1, b"inside")
    os.write(1, b"after")

    assert capfd.readouterr().out == "after"


def test_vectors_are_cut_and_queries_without_known_terms_left_out(tmp_path: Path) -> None:
    corpus, queries = tmp_path / "v.jsonl", tmp_path / "q.jsonl"
    corpus.write_text(
        "".join(f'{{"id": "{n}", "vector": {{"sea": {n + 1}}}}}\n' for n in range(3)), "utf-8"
    )
    queries.write_text(
        '{"id": "a", "vector": {"sky": 1}}\n{"id": "b", "vector": {"sky": 1, "sea": 2}}\n', "utf-8"
    )

    vectors, asked = read_vectors(str(corpus), str(queries), n_docs=2)

    assert vectors.weights.tolist() == [1, 2]
    assert asked.weights.tolist() == [2]


def test_texts_are_refused(tmp_path: Path) -> None:
    texts, vectors = tmp_path / "t.jsonl", tmp_path / "v.jsonl"
    texts.write_text('{"id": "a", "text": "sea"}\n', "utf-8")
    vectors.write_text('{"id": "a", "vector": {"sea": 1}}\n', "utf-8")

    with pytest.raises(InvalidInputError, match=r"t\.jsonl holds texts.*lsr encode"):
        read_vectors(str(texts), str(vectors))
    with pytest.raises(InvalidInputError, match=r"t\.jsonl holds texts.*lsr encode"):
        read_vectors(str(vectors), str(texts))
    with pytest.raises(InvalidInputError, match="No query"):
        vectors.with_name("q.jsonl").write_text('{"id": "a", "vector": {"sky": 1}}\n', "utf-8")
        read_vectors(str(vectors), str(vectors.with_name("q.jsonl")))


def test_the_command_prints_json(tmp_path: Path) -> None:
    corpus = tmp_path / "v.jsonl"
    corpus.write_text('{"id": "a", "vector": {"sea": 1}}\n', "utf-8")
    arguments = ["search", str(corpus), str(corpus), "--peers", "none", "--runs", "1", "--json"]

    result = CliRunner().invoke(app, arguments, catch_exceptions=False)

    assert result.exit_code == 0, result.output
    assert '"n_differing":0' in result.stdout
