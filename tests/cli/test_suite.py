"""`lsr eval --suite` measures dataset by dataset, and goes on where it was interrupted."""

import json
from pathlib import Path

import pytest

from eval_command import LsrEval
from lsr.errors import ConfigError, InvalidInputError


def test_measures_on_a_suite_and_goes_on_from_its_results(
    lsr_eval: LsrEval, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset.rename(tmp_path / "scifact")
    arguments = ("--suite", "beir-13", "--folder", tmp_path, "--results", tmp_path / "results")

    first = lsr_eval(*arguments, "--model", "words")
    monkeypatch.setattr("lsr.encoders.load_encoder", None)
    second = lsr_eval(*arguments, "--model", "words", "--json")
    other = lsr_eval(*arguments, "--model", "words", "--precision", "int8")

    assert first.stdout.splitlines() == [
        "dataset\tnDCG@10\tR@100",
        "scifact\t0.5436\t0.6667",
        "mean of 1 of 13\t0.5436\t0.6667",
    ]
    notes = " ".join(first.stderr.split())
    assert f"quora: left out: There is no folder {tmp_path}/quora." in notes
    assert "over 1 of 13 datasets and not those of beir-13: arguana, climate-fever," in notes
    report = json.loads(second.stdout)
    assert "scifact: measured before" in second.stderr
    assert (report["n_measured"], report["n_datasets"], len(report["missing"])) == (1, 13, 12)
    assert report["means"]["R@100"] == pytest.approx(2 / 3)
    assert isinstance(other.exception, ConfigError)


def test_reports_on_a_suite(lsr_eval: LsrEval, dataset: Path, tmp_path: Path) -> None:
    dataset.rename(tmp_path / "scifact")
    arguments = ("--suite", "beir-13", "--folder", tmp_path, "--report", tmp_path / "out")

    lsr_eval(*arguments, "--results", tmp_path / "words", "--model", "words")
    result = lsr_eval(*arguments, "--results", tmp_path / "bm25", "--baseline", "bm25")

    assert result.exit_code == 0, result.stderr
    assert "report.html shows BM25, words." in " ".join(result.stderr.split())
    assert "nDCG@10 against BM25" in (tmp_path / "out" / "report.md").read_text()


def test_a_report_that_cannot_be_written_is_refused_first(
    lsr_eval: LsrEval, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lsr.encoders.load_encoder", None)
    dataset.rename(tmp_path / "scifact")
    (tmp_path / "file").touch()

    result = lsr_eval(
        *("--suite", "beir-13", "--folder", tmp_path, "--results", tmp_path / "results"),
        *("--model", "words", "--report", tmp_path / "file"),
    )

    assert isinstance(result.exception, InvalidInputError)
    assert "file for the report cannot be made" in str(result.exception)


def test_a_suite_is_measured_by_one_system_at_a_time(lsr_eval: LsrEval, tmp_path: Path) -> None:
    result = lsr_eval(
        *("--suite", "beir-13", "--results", tmp_path, "--model", "words", "--baseline", "bm25")
    )

    assert result.exit_code == 2
    assert "one system at a time" in " ".join(result.stderr.split())
