import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import reference_engines


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Commands that were run; they do as if the registry could not be reached."""
    seen: list[list[str]] = []

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        seen.append(command)
        return subprocess.CompletedProcess(command, 1, "", "ReadTimeoutError: Read timed out.")

    monkeypatch.setattr(subprocess, "run", run)
    return seen


def with_java(monkeypatch: pytest.MonkeyPatch, path: str | None) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: path)


def test_without_java_nothing_is_fetched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, calls: list[list[str]]
) -> None:
    with_java(monkeypatch, None)

    assert "no java on the PATH" in reference_engines.fetched(tmp_path)
    assert not calls


def test_a_jar_that_is_there_is_not_fetched_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, calls: list[list[str]]
) -> None:
    with_java(monkeypatch, "/bin/java")
    jar = tmp_path / reference_engines.JAR
    jar.parent.mkdir(parents=True)
    jar.touch()

    assert reference_engines.fetched(tmp_path) == f"Anserini is at {jar}"
    assert not calls


def test_a_failure_is_said_and_ends_well(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    calls: list[list[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    with_java(monkeypatch, "/bin/java")

    assert reference_engines.main([str(tmp_path)]) == 0
    assert "was not fetched" in capsys.readouterr().out
    (command,) = calls
    assert command[-3:] == ["--target", str(tmp_path), "pyserini==0.25.0"]
    assert "--no-deps" in command
