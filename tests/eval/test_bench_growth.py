import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lsr.cli.bench import app
from lsr.errors import InvalidInputError
from lsr.eval.bench import growth as subject
from lsr.eval.bench.growth import bench_growth
from lsr.sparse import SparseBatch

VECTORS = SparseBatch.from_rows([[(0, 1), (1, 255)], [(1, 200)], [(0, 9)]], n_terms=2)


def test_sizes_rise_and_peers_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, object]] = []

    def bench_search(*arguments: object, n_docs: int, peers: object, **rest: object) -> int:
        asked.append((n_docs, peers))
        return n_docs

    monkeypatch.setattr(subject, "bench_search", bench_search)
    seen: list[Any] = []

    result = bench_growth(
        VECTORS, VECTORS, [9, 3, 5, 3], peers=["pisa"], peer_max_docs=5, on_step=seen.append
    )

    assert asked == [(3, ["pisa"]), (5, ["pisa"]), (9, ())]
    assert list(result.steps) == seen == [3, 5, 9]


@pytest.mark.parametrize("sizes", [[], [3, 0]])
def test_sizes_without_documents_are_refused(sizes: list[int]) -> None:
    with pytest.raises(InvalidInputError, match="make no curve"):
        bench_growth(VECTORS, VECTORS, sizes)


def test_the_command_writes_figures_and_a_curve(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    corpus, output = tmp_path / "v.jsonl", tmp_path / "made" / "curve"
    corpus.write_text('{"id": "a", "vector": {"sea": 1}}\n{"id": "b", "vector": {"sea": 2}}\n')
    arguments = ["growth", str(corpus), str(corpus), "--peers", "none", "--runs", "1"]

    result = CliRunner().invoke(
        app, [*arguments, "--sizes", "2,40", "--output", str(output)], catch_exceptions=False
    )

    assert result.exit_code == 0, result.output
    figures = json.loads((output / "growth.json").read_text())
    assert [step["n_docs"] for step in figures["steps"]] == [2, 40]
    assert list(figures["mean_ms"]["lsr"]) == ["2", "40"]
    assert figures["growth"] == pytest.approx(
        figures["mean_ms"]["lsr"]["40"] / figures["mean_ms"]["lsr"]["2"]
    )
    assert (output / "growth.png").read_bytes().startswith(b"\x89PNG")
    assert "ours, 2 to 40 documents" in result.stdout


def test_sizes_must_be_numbers(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="--sizes is '3,many'"):
        CliRunner().invoke(
            app,
            ["growth", "v", "q", "--peers", "none", "--sizes", "3,many", "--output", str(tmp_path)],
            catch_exceptions=False,
        )
