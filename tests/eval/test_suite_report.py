from pathlib import Path

import pytest

from experiments import made_up_experiment
from lsr.errors import EvaluationError
from lsr.eval.experiment import Experiment
from lsr.eval.suite_report import report_on_suite
from lsr.eval.suites import SUITES, SuiteResult


@pytest.fixture(autouse=True)
def suites(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SUITES, "small", {name: f"no/{name}" for name in ("b", "a", "c")})
    monkeypatch.setitem(SUITES, "other", {"z": "no/z"})


def _result(system: str, suite: str = "small", **values: tuple[float, ...]) -> SuiteResult:
    experiments = {name: made_up_experiment(system, name, one) for name, one in values.items()}
    return SuiteResult(suite, experiments, {})


def _tables(folder: Path) -> dict[str, list[list[str]]]:
    """Read the tables of the Markdown: {heading: rows, the first of them the columns}."""
    found: dict[str, list[list[str]]] = {}
    for part in (folder / "report.md").read_text().split("\n## ")[1:]:
        title, *lines = part.splitlines()
        rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
        found[title] = [rows[0], *rows[2:]] if rows else []
    return found


def test_shows_a_row_for_each_dataset_and_the_mean(tmp_path: Path) -> None:
    systems = report_on_suite(tmp_path, _result("words", a=(0.1, 0.3), b=(0.5, 0.7)))

    tables = _tables(tmp_path)
    assert systems == ["words"]
    assert tables["Means"] == [
        ["system", "nDCG@10", "datasets measured"],
        ["1 words", "0.4000", "2"],
    ]
    assert tables["nDCG@10 by dataset"] == [
        ["dataset", "1 words"],
        ["b", "0.6000"],
        ["a", "0.2000"],
    ]
    # Of made-up costs: 2 and 4 ms of search, 1 ms of encoding.
    assert tables["Cost of words"][1][:6] == ["b", "3", "2", "1.00", "3.00", "3.00"]
    page = (tmp_path / "report.html").read_text()
    assert "Over 2 of 3 datasets; not c." in page
    assert "<script" not in page
    assert page.count("<img") == 1
    assert (tmp_path / "datasets.svg").is_file()


def test_systems_add_up_and_means_are_over_what_all_of_them_have(tmp_path: Path) -> None:
    report_on_suite(tmp_path, _result("words", a=(0.1, 0.3), b=(0.5, 0.7)))

    systems = report_on_suite(tmp_path, _result("BM25", a=(0.2, 0.6), c=(0.0, 0.0)))

    tables = _tables(tmp_path)
    assert systems == ["BM25", "words"]
    means = [row[:2] for row in tables["Means"][1:]]
    assert means == [["1 BM25", "0.4000"], ["2 words", "0.2000"]]
    assert tables["nDCG@10 by dataset"][1:] == [
        ["b", "-", "0.6000"],
        ["a", "0.4000", "0.2000"],
        ["c", "0.0000", "-"],
    ]
    # Differences -0.1 and -0.3: t = -2 with one degree of freedom, p = 1 - 2 atan(2) / pi.
    assert tables["nDCG@10 against BM25"][1:] == [
        ["a", "words", "-0.2000", "0.2952", "0.5000", "no", "0 / 0 / 2"]
    ]
    assert (tmp_path / "pareto.svg").is_file()


def test_a_system_that_is_measured_again_takes_its_own_place(tmp_path: Path) -> None:
    report_on_suite(tmp_path, _result("words", a=(0.1, 0.3)))

    report_on_suite(tmp_path, _result("words", a=(0.5, 0.7)))

    assert _tables(tmp_path)["nDCG@10 by dataset"][1:] == [["a", "0.6000"]]


def test_a_measure_that_one_dataset_lacks_has_no_mean(tmp_path: Path) -> None:
    result = _result("words", a=(0.1, 0.3), b=(0.5, 0.7))
    _add_measure(result.experiments["a"])

    report_on_suite(tmp_path, result)

    assert _tables(tmp_path)["Means"][0] == ["system", "nDCG@10", "datasets measured"]


def _add_measure(experiment: Experiment) -> None:
    experiment.index.means["RR"] = 0.5
    experiment.index.per_query["RR"] = experiment.index.per_query["nDCG@10"]


@pytest.mark.parametrize(
    "second",
    [_result("BM25", "other", z=(0.1, 0.3)), _result("BM25", a=(0.1, 0.3, 0.5))],
    ids=["suite", "queries"],
)
def test_another_suite_or_other_queries_are_refused(tmp_path: Path, second: SuiteResult) -> None:
    report_on_suite(tmp_path, _result("words", a=(0.1, 0.3)))
    before = (tmp_path / "report.md").read_text()

    with pytest.raises(EvaluationError, match="was measured on another suite, or on other queries"):
        report_on_suite(tmp_path, second)
    assert (tmp_path / "report.md").read_text() == before


def test_systems_that_share_no_dataset_are_refused(tmp_path: Path) -> None:
    report_on_suite(tmp_path, _result("words", a=(0.1, 0.3)))

    with pytest.raises(EvaluationError, match="No dataset and measure is shared"):
        report_on_suite(tmp_path, _result("BM25", b=(0.1, 0.3)))
