import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import environment as subject

ARGUMENTS = ["--goal", "demo", "demo", "eval"]


class Handed(Exception):
    """What would have run in place of this process."""


@pytest.fixture(autouse=True)
def handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def record(path: str, command: list[str]) -> None:
        raise Handed(path, command)

    monkeypatch.setattr(os, "execv", record)


class OldPython:
    """The module sys of Python 3.9, as far as its version goes."""

    version_info = (3, 9, 2, "final", 0)
    executable = "/usr/bin/python3"

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, name)


@pytest.fixture
def old_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run as Python 3.9 with an empty PATH, and return the folder on it."""
    monkeypatch.setattr("environment.sys", OldPython())
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def add_command(folder: Path, name: str, code: int) -> str:
    command = folder / name
    command.write_text(f"#!/bin/sh\nexit {code}\n")
    command.chmod(0o755)
    return str(command)


def test_parses_on_python_3_6() -> None:
    source = Path(subject.__file__).read_text(encoding="utf-8")

    ast.parse(source, feature_version=(3, 6))


def test_hands_over_to_this_python_when_it_is_new_enough() -> None:
    with pytest.raises(Handed) as handed:
        subject.main(ARGUMENTS)

    _, (interpreter, script, *arguments) = handed.value.args
    assert Path(interpreter).resolve() == Path(sys.executable).resolve()
    assert Path(script).name == "virtual_environment.py"
    assert arguments == ARGUMENTS


def test_says_one_sentence_when_python_is_too_old(
    old_python: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = subject.main(ARGUMENTS)

    assert code == 1
    assert capsys.readouterr().err == (
        "error: lsr needs Python 3.11 or newer; this is 3.9.2 (/usr/bin/python3). "
        "Install it, then: make demo PYTHON=python3.11\n"
    )


def test_looks_for_a_newer_python_that_starts(old_python: Path) -> None:
    add_command(old_python, "python3.11", code=127)
    works = add_command(old_python, "python3.12", code=0)

    with pytest.raises(Handed) as handed:
        subject.main(ARGUMENTS)

    assert handed.value.args[0] == works


def test_makefile_says_the_same_when_there_is_no_python_at_all(tmp_path: Path) -> None:
    make, shell = shutil.which("make"), shutil.which("sh")
    if make is None or shell is None:
        pytest.skip("needs make")
    (tmp_path / "sh").symlink_to(shell)

    result = subprocess.run(
        [make, "-s", "demo"],
        cwd=Path(subject.__file__).parents[1],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )

    assert result.returncode == 2
    assert "error: lsr needs Python 3.11 or newer, and there is no python3 here." in result.stderr
