from dataclasses import replace
from pathlib import Path

import pytest

from experiments import made_up_experiment
from lsr.errors import InvalidInputError
from lsr.eval.stored_experiments import file_name, store_experiment, stored_experiment


def test_an_experiment_outlasts_the_process_but_for_its_run(tmp_path: Path) -> None:
    experiment = replace(made_up_experiment(), run={"q0": [("d1", 2.0)]})

    store_experiment(tmp_path / "one.json", experiment)

    assert stored_experiment(tmp_path / "one.json") == replace(experiment, run={})


@pytest.mark.parametrize("content", ["", "{}", '{"system": 1}', "[]"])
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "one.json").write_text(content)

    with pytest.raises(InvalidInputError, match=r"one\.json is no measurement .* remove it"):
        stored_experiment(tmp_path / "one.json")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"absent\.json cannot be read"):
        stored_experiment(tmp_path / "absent.json")


@pytest.mark.parametrize("name", ["../../etc/passwd", ".", "", "a/b", "x" * 300, "a\0b", "-", "\n"])
def test_any_name_gives_the_name_of_a_file(tmp_path: Path, name: str) -> None:
    found = file_name(name)

    (tmp_path / found).touch()
    assert [path.name for path in tmp_path.iterdir()] == [found]
    assert not found.startswith(".")


def test_different_names_have_different_files() -> None:
    names = ["a b", "a/b", "a-b", "a_b", "A-b", "a--b", ""]

    assert len({file_name(name) for name in names}) == len(names)
