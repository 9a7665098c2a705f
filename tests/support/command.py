"""Run the real `lsr` command, in this process or in one of its own."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest

COMMAND = Path(sys.executable).with_name("lsr")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def error(self) -> str:
        """The one sentence behind ``error:``, or what Typer says of a usage error."""
        assert "Traceback" not in self.stderr
        lines = [line for line in self.stderr.splitlines() if line.lower().startswith("error: ")]
        assert len(lines) == 1, self.stderr
        return lines[0][len("error: ") :]


def lsr(*arguments: str | Path, stdin: str | bytes = "", cwd: Path | None = None) -> Outcome:
    """Run ``lsr ARGUMENTS`` inside this process: all of the command but its start-up.

    Args:
        arguments: the command line.
        stdin: fed to the command.
        cwd: folder to run in.
    """
    from lsr.cli.app import main

    content = stdin.encode() if isinstance(stdin, str) else stdin
    stdout, stderr = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["lsr", *map(str, arguments)]),
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(content))),
        mock.patch.dict(os.environ, environment()),
        mock.patch.object(os, "_exit", sys.exit),
        contextlib.chdir(cwd or Path.cwd()),
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    return Outcome(int(ended.value.code or 0), stdout.getvalue(), stderr.getvalue())


def lsr_process(
    *arguments: str | Path,
    stdin: str | bytes = "",
    cwd: Path | None = None,
    prepare: Callable[[], None] | None = None,
) -> Outcome:
    """Run ``lsr ARGUMENTS`` in a process of its own.

    Args:
        arguments: the command line.
        stdin: fed to the command.
        cwd: folder to run in.
        prepare: called in the new process before the command, to limit it.
    """
    done = subprocess.run(
        [str(COMMAND), *map(str, arguments)],
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        cwd=cwd,
        env=environment(),
        preexec_fn=prepare,
        check=False,
    )
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


def environment() -> dict[str, str]:
    """Return an environment in which no hub is asked for anything."""
    return {**os.environ, "HF_HUB_OFFLINE": "1", "COLUMNS": "200", "TERM": "dumb"}


def tree(path: Path) -> dict[str, bytes]:
    """Return every file below `path` with its content, to compare before and after."""
    files: Sequence[Path] = [one for one in sorted(path.rglob("*")) if one.is_file()]
    return {str(one.relative_to(path)): one.read_bytes() for one in files}
