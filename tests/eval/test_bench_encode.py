import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from lsr.cli.bench import app
from lsr.errors import ConfigError, InvalidInputError
from lsr.eval.bench.encode import bench_encode
from tiny_models import save_tiny_model

TEXTS = ["sparse retrieval", "the water of the ocean and the river", "a garden in summer"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny_model(tmp_path_factory.mktemp("models") / "bert"))


def test_peer_and_ours_encode_the_same(model: str) -> None:
    pytest.importorskip("sentence_transformers")

    result = bench_encode(model, TEXTS, runs=2, max_length=32)

    by_name = {one.name: one for one in result.contestants}
    assert result.reference == "sentence-transformers float32"
    assert by_name["lsr float32"].largest_difference < 1e-4
    assert by_name["sentence-transformers bfloat16"].largest_difference > 0
    assert all(len(one.seconds) == 2 for one in result.contestants)
    assert result.n_docs == 3
    assert result.n_tokens == 14


def test_rates_are_those_of_the_median_run(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Two contestants, three runs each, in turns: each pair of readings is one run.
    ends = iter([1.0, 10.0, 5.0, 20.0, 3.0, 90.0])
    readings = iter([value for end in ends for value in (0.0, end)])
    clock = SimpleNamespace(perf_counter=lambda: next(readings))
    monkeypatch.setattr("lsr.eval.bench.encode.time", clock)
    monkeypatch.setattr("lsr.encoders.precision._has_native_bfloat16", lambda: True)

    result = bench_encode(model, TEXTS, peers=(), runs=3, max_length=32)

    ours, exact = result.contestants
    assert (ours.name, exact.name) == ("lsr bfloat16", "lsr float32")
    assert ours.seconds == (1.0, 5.0, 3.0)
    assert ours.docs_per_second == pytest.approx(3 / 3.0)
    assert exact.docs_per_second == pytest.approx(3 / 20.0)
    assert "6.7x" in result.as_table()


def test_an_absent_peer_is_noted(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    result = bench_encode(model, TEXTS, runs=1, max_length=32)

    assert {one.name.split()[0] for one in result.contestants} == {"lsr"}
    assert 'pip install "lsr-engine[bench]"' in result.as_table()


def test_unknown_peers_and_empty_runs_are_refused(model: str) -> None:
    with pytest.raises(ConfigError, match="no peer 'fastembed'"):
        bench_encode(model, TEXTS, peers=["fastembed"])
    with pytest.raises(InvalidInputError, match="0 texts"):
        bench_encode(model, [])
    with pytest.raises(InvalidInputError, match="0 runs"):
        bench_encode(model, TEXTS, runs=0)


def test_the_command_reads_a_corpus_and_prints_json(model: str, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.jsonl"
    lines: list[dict[str, Any]] = [{"_id": str(n), "text": text} for n, text in enumerate(TEXTS)]
    lines.append({"_id": "blank", "text": " "})
    corpus.write_bytes(b"\n".join(map(msgspec.json.encode, lines)))
    options = ["--model", model, "--peers", "none", "--runs", "1", "--max-length", "32", "--json"]

    result = CliRunner().invoke(app, ["encode", str(corpus), *options], catch_exceptions=False)

    assert result.exit_code == 0, result.output
    printed = msgspec.json.decode(result.stdout)
    assert printed["n_docs"] == 3
    assert printed["machine"]["n_cores"] >= 1
