from collections.abc import Callable
from pathlib import Path

import pytest

from experiments import made_up_experiment
from lsr.errors import ConfigError, EvaluationError, InvalidInputError
from lsr.eval import suites as subject
from lsr.eval.datasets import Dataset
from lsr.eval.experiment import Experiment
from lsr.eval.suites import SUITES, SuiteResult, run_suite

VALUES = {"one": (0.1, 0.3), "two": (0.5, 0.7)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two of the three datasets of a suite, as folders."""
    monkeypatch.setitem(SUITES, "small", {name: f"no/{name}" for name in ("one", "two", "three")})
    for name in VALUES:
        (tmp_path / "sets" / name / "qrels").mkdir(parents=True)
        (tmp_path / "sets" / name / "corpus.jsonl").write_text('{"_id": "d", "text": "x"}')
        (tmp_path / "sets" / name / "queries.jsonl").write_text('{"_id": "q0", "text": "x"}')
        (tmp_path / "sets" / name / "qrels" / "test.tsv").write_text(
            "query-id\tcorpus-id\tscore\nq0\td\t1\nq1\td\t1\n"
        )
    return tmp_path / "sets"


class Measured:
    """Measures by looking values up, and remembers which datasets it was asked for."""

    def __init__(self, fails: Callable[[str], Exception | None] = lambda name: None) -> None:
        self.names: list[str] = []
        self.outcomes: list[tuple[str, str]] = []
        self._fails = fails

    def __call__(self, dataset: Dataset) -> Experiment:
        name = Path(dataset.name).name
        self.names.append(name)
        error = self._fails(name)
        if error is not None:
            raise error
        return made_up_experiment("words", dataset.name, VALUES[name])

    def run(
        self, folder: Path, results: Path, system: str = "words", measure: str = "nDCG@10"
    ) -> SuiteResult:
        return run_suite(
            *("small", folder, results, system, lambda dataset: {measure}, self),
            lambda name, outcome: self.outcomes.append((name, outcome)),
        )


def test_means_say_of_how_many_datasets_they_are(folder: Path, tmp_path: Path) -> None:
    result = Measured().run(folder, tmp_path / "results")

    assert result.means == {"nDCG@10": pytest.approx((0.2 + 0.6) / 2)}
    assert result.extent == "2 of 3"
    assert result.missing == {"three": f"There is no folder {folder / 'three'}."}


def test_goes_on_where_it_was_interrupted(folder: Path, tmp_path: Path) -> None:
    def interrupt(name: str) -> Exception | None:
        return KeyboardInterrupt() if name == "two" else None  # type: ignore[return-value]

    with pytest.raises(KeyboardInterrupt):
        Measured(interrupt).run(folder, tmp_path / "results")
    again = Measured()
    result = again.run(folder, tmp_path / "results")

    assert again.names == ["two"]
    assert again.outcomes[:2] == [("one", "measured before"), ("two", "measured")]
    assert result.means == {"nDCG@10": pytest.approx(0.4)}


def test_a_result_without_a_measure_is_measured_again(folder: Path, tmp_path: Path) -> None:
    Measured().run(folder, tmp_path)

    again = Measured()
    again.run(folder, tmp_path, measure="R@100")

    assert again.names == ["one", "two"]


def test_results_of_another_system_are_not_mixed_in(folder: Path, tmp_path: Path) -> None:
    Measured().run(folder, tmp_path)

    with pytest.raises(ConfigError, match=r"one\.json is a result of 'words', not of 'others'"):
        Measured().run(folder, tmp_path, "others")


def test_what_fails_is_left_out_with_its_reason(folder: Path, tmp_path: Path) -> None:
    damaged = Measured(lambda name: InvalidInputError("bad line.") if name == "one" else None)

    result = damaged.run(folder, tmp_path / "results")

    assert result.missing["one"] == "bad line."
    assert ("one", "left out: bad line.") in damaged.outcomes
    assert result.means == {"nDCG@10": pytest.approx(0.6)}
    assert not (tmp_path / "results" / "one.json").exists()


def test_nothing_at_all_is_an_error(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"No dataset of small .* of one: There is no folder"):
        Measured().run(tmp_path / "elsewhere", tmp_path / "results")


def test_a_file_in_the_way_of_the_results_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(InvalidInputError, match=r"folder .*file for the results cannot be made"):
        Measured().run(folder, tmp_path / "file")


def test_an_unknown_suite_is_answered_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="suite 'beir' is unknown; there is beir-13"):
        run_suite(
            *("beir", None, tmp_path, "x", lambda dataset: set(), Measured()),
            lambda name, outcome: None,
        )


def test_a_mean_over_some_of_the_measures_is_left_out() -> None:
    other = made_up_experiment()
    other.index.means["RR"] = 0.5

    result = SuiteResult("small", {"one": made_up_experiment(), "two": other}, {})

    assert result.means == {"nDCG@10": pytest.approx(0.6)}
    assert result.extent == "2"


@pytest.mark.parametrize(("suite", "n"), [("beir-13", 13), ("cqadupstack", 12), ("nano-beir", 13)])
def test_suites_are_made_of_datasets_that_ir_datasets_knows(suite: str, n: int) -> None:
    import ir_datasets

    ids = list(SUITES[suite].values())
    judged = [ir_datasets.load(one).has_qrels() for one in ids]

    assert len(set(ids)) == n
    assert all(judged)


def test_a_folder_is_measured_as_the_dataset_that_it_stands_for(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SUITES, "small", {"one": "beir/cqadupstack/english"})
    asked: list[str] = []

    def names(dataset: Dataset) -> set[str]:
        asked.append(dataset.measures)
        return {"nDCG@10"}

    for _ in range(2):
        run_suite("small", folder, tmp_path, "words", names, Measured(), lambda *_: None)

    assert asked == ["nDCG@10 R@100"]


def test_the_result_of_a_namesake_is_not_taken(folder: Path, tmp_path: Path) -> None:
    Measured().run(folder, tmp_path)
    qrels = folder / "one" / "qrels" / "test.tsv"
    qrels.write_text(qrels.read_text() + "q2\td\t1\n")

    result = Measured().run(folder, tmp_path)

    assert "one.json is a result on other queries, those of" in result.missing["one"]


def test_without_a_folder_ir_datasets_is_asked(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def load(name: str) -> Dataset:
        asked.append(name)
        raise EvaluationError("no network.")

    monkeypatch.setattr(subject, "load_dataset", load)

    with pytest.raises(EvaluationError, match="of one: no network"):
        run_suite(
            *("small", None, tmp_path, "x", lambda dataset: set(), Measured()),
            lambda name, outcome: None,
        )
    assert asked == ["no/one", "no/two", "no/three"]
