from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from lsr.cli.bench import app
from lsr.errors import ConfigError, InvalidInputError, UnsupportedModelError
from lsr.eval.bench.encode import bench_encode, libraries_named
from lsr.eval.bench.encode_result import Round
from lsr.eval.bench.encoders.transformers_loop import Transformers
from tiny_models import save_tiny_model

TEXTS = ["sparse retrieval", "the water of the ocean and the river", "a garden in summer"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny_model(tmp_path_factory.mktemp("models") / "bert"))


@pytest.fixture(autouse=True)
def quick_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start no processes; test_bench_peak_memory does."""
    monkeypatch.setattr("lsr.eval.bench.encode.peak_bytes", lambda *_: 123_456_789)


def test_peers_and_ours_encode_the_same(model: str) -> None:
    heard: list[Round] = []

    result = bench_encode(
        [model],
        TEXTS,
        libraries=["transformers"],
        n_passages=4,
        runs=2,
        max_length=32,
        on_round=heard.append,
    )

    assert tuple(heard) == result.rounds
    one = result.rounds[-1]
    by_name = {figures.name: figures for figures in one.contestants}
    assert one.reference == "transformers float32"
    assert by_name["lsr native float32"].agreement.largest_difference < 1e-4
    assert by_name["lsr native float32"].agreement.n_differing_terms == 0
    assert by_name["lsr native int8"].agreement.largest_difference > 0
    assert all(len(figures.passages.seconds) == 2 for figures in one.contestants)
    assert [size.n_texts for size in one.sizes] == [4, 1, 4]
    assert one.sizes[1].n_tokens == 32
    assert [round_.n_cores for round_ in result.rounds] in ([1], [1, 2])
    assert {memory.name for memory in result.memory} >= {"lsr native int8", "lsr native float32"}
    assert "transformers" in result.machine.packages
    assert "123" in result.as_table()


def test_what_cannot_run_is_named_with_the_reason(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no such luck.\nand more")

    monkeypatch.setattr(Transformers, "open", fail)
    monkeypatch.setattr(
        "lsr.eval.bench.encoders.onnx_runtime.why_not_installed", lambda *_: "it is absent"
    )
    libraries = ["transformers", "onnxruntime"]

    result = bench_encode([model], TEXTS, libraries=libraries, n_passages=1, runs=1, max_length=32)

    assert {one.name.split()[0] for one in result.rounds[0].contestants} == {"lsr"}
    table = result.as_table()
    assert "onnxruntime float32 is not compared: it is absent." in table
    assert table.count("transformers float32 is not compared: no such luck.") == 1
    assert "and more" not in table


def test_a_model_that_only_torch_runs_is_timed_on_torch(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = "it is unknown"
    monkeypatch.setattr("lsr.encoders.native.why_unsupported", lambda config, weighting: reason)

    result = bench_encode([model], TEXTS, libraries=(), n_passages=1, runs=1, max_length=32)

    assert result.rounds[0].reference == "lsr torch float32"
    assert any(reason in note and "lsr native int8" in note for note in result.notes)


def test_what_makes_no_benchmark_is_refused(model: str) -> None:
    with pytest.raises(ConfigError, match="no peer 'fastembed'"):
        bench_encode([model], TEXTS, libraries=["fastembed"])
    with pytest.raises(InvalidInputError, match="0 models"):
        bench_encode([], TEXTS)
    with pytest.raises(InvalidInputError, match="0 runs"):
        bench_encode([model], TEXTS, runs=0)
    with pytest.raises(UnsupportedModelError, match="takes 1 to 64"):
        bench_encode([model], TEXTS, libraries=(), max_length=65)


def test_peers_are_named_by_library(monkeypatch: pytest.MonkeyPatch) -> None:
    assert libraries_named("none") == []
    assert "openvino" in libraries_named("all")
    assert libraries_named("transformers") == ["transformers"]
    with pytest.raises(ConfigError, match="no peer 'splade'"):
        libraries_named("transformers,splade")
    monkeypatch.setattr(Transformers, "why_missing", lambda *_: "it is absent")
    with pytest.raises(ConfigError, match=r"transformers cannot be compared: it is absent\."):
        libraries_named("transformers")


def test_the_command_reads_a_corpus_and_prints_json(model: str, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.jsonl"
    lines: list[dict[str, Any]] = [{"_id": str(n), "text": text} for n, text in enumerate(TEXTS)]
    lines.append({"_id": "blank", "text": " "})
    corpus.write_bytes(b"\n".join(map(msgspec.json.encode, lines)))
    options = ["--model", model, "--peers", "none", "--runs", "1", "--max-length", "32", "--json"]

    result = CliRunner().invoke(
        app, ["encode", str(corpus), *options, "--n-docs", "2"], catch_exceptions=False
    )

    assert result.exit_code == 0, result.output
    printed = msgspec.json.decode(result.stdout)
    assert printed["rounds"][0]["sizes"][0]["n_texts"] == 2
    assert printed["machine"]["n_cores"] >= 1
    assert printed["instructions"]
