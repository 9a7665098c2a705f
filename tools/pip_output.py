"""What is pip doing, and why did it fail? Its many lines as progress, and as one sentence."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

DISK_FULL = re.compile(r"No space left on device|Disk quota exceeded|\[Errno (28|122)\]")
NO_PERMISSION = re.compile(r"Permission denied|Read-only file system|\[Errno (13|30)\]")
UNREACHABLE = re.compile(
    r"Retrying \(Retry|NewConnectionError|ConnectTimeoutError|ReadTimeoutError|Read timed out"
    r"|Connection refused|Connection reset|Connection aborted|NameResolutionError"
    r"|Temporary failure in name resolution|Name or service not known|ProxyError"
    r"|CERTIFICATE_VERIFY_FAILED|HTTP error \d+|\d{3} (Client|Server) Error"
)
# A registry without the version in constraints.txt looks to pip like a conflict.
NOT_FOUND = re.compile(r"No matching distribution found for (\S+)|Cannot install (\S+)")
NO_VENV = re.compile(r"ensurepip|No module named '?venv")

LOG_PAUSE_S = 15.0


def cause_of_failure(output: str, again: str) -> str | None:
    """Name what went wrong in one or two sentences, or return None where it is not known.

    Args:
        output: everything that pip, or the venv module, printed.
        again: the command to repeat once the cause is gone.
    """
    if DISK_FULL.search(output):
        return (
            f"The disk of {Path.cwd()} or of {tempfile.gettempdir()} is full. Free some space, "
            f"or name a roomier folder for temporary files in TMPDIR, then: {again}"
        )
    if NO_PERMISSION.search(output):
        return f"A file cannot be written: {_line_of(NO_PERMISSION, output)} Then: {again}"
    if NO_VENV.search(output):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return (
            f"{sys.executable} cannot make virtual environments, because its module venv or "
            f"ensurepip is missing. On Debian or Ubuntu: apt install python{version}-venv; "
            f"then: {again}"
        )
    if UNREACHABLE.search(output):
        return (
            "The package registry cannot be reached. Check the network, name a proxy in "
            f"HTTPS_PROXY or another registry in PIP_INDEX_URL, then: {again}"
        )
    if missing := NOT_FOUND.search(output):
        return (
            f"The package registry has no {missing[1] or missing[2]} that suits constraints.txt, "
            "pyproject.toml, this Python and this machine. Another registry is named in "
            f"PIP_INDEX_URL; then: {again}"
        )
    return None


def news_of(line: str) -> str | None:
    """Shorten a line of pip's to what someone who waits wants to know, if anything."""
    words = line.split()
    match words:
        case ["Collecting", requirement, *_]:
            return f"Collecting {requirement}"
        case ["Downloading", place, size, "MB)"]:
            wheel = "-".join(place.rsplit("/", 1)[-1].split("-")[:2])
            return f"Downloading {wheel} {size} MB)"
        case ["Building", "wheel", "for", name, *_]:
            return f"Building {name}"
        case ["Installing", "collected", "packages:", *names] if len(names) > 1:
            return f"Installing {len(names)} packages"
        case ["WARNING:", "Retrying", *_]:
            return "The package registry does not answer; trying once more"
    return None


class Progress:
    """Tells which step runs, for how long and what it does: one moving line on a terminal."""

    def __init__(self, n_steps: int) -> None:
        self._n_steps = n_steps
        self._step = 0
        self._started = time.monotonic()
        self._news = ""
        self._told = self._started
        self._moves = sys.stderr.isatty()

    @property
    def elapsed_s(self) -> int:
        """Seconds since the first step began."""
        return round(time.monotonic() - self._started)

    def begin_step(self, title: str) -> None:
        """Announce the next step."""
        self._step += 1
        self.tell(title)

    def tell(self, news: str) -> None:
        """Show what the step does now."""
        self._news = news
        self._write(end="" if self._moves else "\n")

    def tick(self) -> None:
        """Move the clock: each time on a terminal, now and then in a log."""
        if self._moves or time.monotonic() - self._told > LOG_PAUSE_S:
            self.tell(self._news)

    def finish(self, text: str = "") -> None:
        """Leave the moving line, and the text if there is one."""
        if self._moves:
            sys.stderr.write("\r\033[K")
        sys.stderr.write(f"{text}\n" if text else "")
        sys.stderr.flush()

    def _write(self, end: str) -> None:
        self._told = time.monotonic()
        line = f"[{self._step}/{self._n_steps}] {self.elapsed_s:3d} s  {self._news}"
        if self._moves:
            line = "\r\033[K" + line[: shutil.get_terminal_size().columns - 1]
        sys.stderr.write(line + end)
        sys.stderr.flush()


def _line_of(pattern: re.Pattern[str], output: str) -> str:
    """Return the first line that matches, as a sentence."""
    line = next(line for line in output.splitlines() if pattern.search(line))
    return line.strip().removeprefix("ERROR: ").rstrip(".") + "."
