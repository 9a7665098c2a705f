"""`lsr eval --suite` measures dataset by dataset, and goes on where it was interrupted."""

import json
from pathlib import Path

import pytest

from eval_command import LsrEval
from lsr.errors import ConfigError


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
