import os
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

import browser


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[list[str]]]:
    """Pretends which programs there are, whether root asks, and how apt-get ends."""

    def prepare(*programs: str, user: int = 0, installs: bool = True) -> list[list[str]]:
        there = set(programs)
        calls: list[list[str]] = []

        def which(name: str) -> str | None:
            return f"/bin/{name}" if name in there else None

        def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
            calls.append(command)
            if installs and "install" in command:
                there.add("chromium")
            return subprocess.CompletedProcess(command, 0 if installs else 100, "", "No network.")

        monkeypatch.delenv("LSR_CHROMIUM", raising=False)
        monkeypatch.setattr(shutil, "which", which)
        monkeypatch.setattr(subprocess, "run", run)
        monkeypatch.setattr(os, "geteuid", lambda: user)
        return calls

    return prepare


def test_a_chromium_that_is_there_is_used(
    machine: Callable[..., list[list[str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    calls = machine("google-chrome", "apt-get")

    assert browser.main() == 0
    assert not calls
    assert capsys.readouterr().out == "Chromium is at /bin/google-chrome\n"


def test_a_variable_names_another(
    machine: Callable[..., list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine("chromium")
    monkeypatch.setenv("LSR_CHROMIUM", "/opt/mine")

    assert browser.chromium() == "/opt/mine"


def test_root_installs_the_package(
    machine: Callable[..., list[list[str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    calls = machine("apt-get")

    assert browser.main() == 0
    assert [call[-1] for call in calls] == ["update", "chromium"]
    assert "Chromium is at /bin/chromium" in capsys.readouterr().out


def test_an_installation_that_fails_fails(
    machine: Callable[..., list[list[str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    machine("apt-get", installs=False)

    assert browser.main() == 1
    said = capsys.readouterr().err
    assert "No network." in said
    assert "error: apt-get update failed, so there is no chromium." in said


@pytest.mark.parametrize(("programs", "user"), [((), 0), (("apt-get",), 1000)])
def test_where_nothing_can_be_installed_the_tests_are_left_out(
    machine: Callable[..., list[list[str]]],
    capsys: pytest.CaptureFixture[str],
    programs: tuple[str, ...],
    user: int,
) -> None:
    calls = machine(*programs, user=user)

    assert browser.main() == 0
    assert not calls
    assert "the tests of the search page are left out" in capsys.readouterr().out
