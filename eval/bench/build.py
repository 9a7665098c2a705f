"""What does it cost to build an index? Seconds, bytes on disk and memory, in a process of its own.

    python -P -m lsr.eval.bench.build PEER VECTORS FOLDER

builds on one core and leaves its seconds beside `FOLDER`. A process of its own gives every engine
the same clean start and its own peak of memory, which the parent reads from the system while it
waits: the memory that belongs to no file, of the process and of those it starts, above what the
process held before the build. The vectors themselves are mapped from files and do not count.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from lsr.errors import LsrError
from lsr.eval.bench.cores import one_core
from lsr.eval.bench.engines.base import Engine
from lsr.eval.bench.engines.registry import ENGINES
from lsr.eval.bench.muting import muted
from lsr.eval.bench.stored_vectors import mapped_vectors
from lsr.sparse import SparseBatch

WARM_UP_DOCS = 100
POLL_SECONDS = 0.02


class BuildError(LsrError):
    """An engine could not build its index."""


@dataclass(frozen=True, slots=True)
class Build:
    """What a build cost.

    Attributes:
        seconds: from vectors in memory to an index on disk, on one core.
        size_bytes: files that search reads.
        peak_bytes: most memory that the build held at once; None where the system does not say.
    """

    seconds: float
    size_bytes: int
    peak_bytes: int | None


def build_apart(name: str, vectors: Path, folder: Path) -> Build:
    """Build the index of an engine in a process of its own.

    Args:
        name: of `ENGINES`.
        vectors: folder that `store_vectors` wrote.
        folder: is made.

    Raises:
        BuildError: the process failed.
    """
    arguments = [name, str(vectors), str(folder)]
    command = [sys.executable, "-P", "-m", "lsr.eval.bench.build", *arguments]
    with tempfile.TemporaryFile() as errors:
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors) as process:
            try:
                peak = _watch(process)
            except BaseException:
                process.kill()
                raise
        errors.seek(0)
        lines = errors.read().decode(errors="replace").strip().splitlines()
    if process.returncode:
        reason = lines[-1].rstrip(".") if lines else "no message"
        raise BuildError(f"{name} built no index: exit code {process.returncode}, {reason}.")
    figures = msgspec.json.decode(_figures(folder).read_bytes())
    return Build(
        figures["seconds"],
        sum(file.stat().st_size for file in ENGINES[name]().files(folder)),
        max(0, peak - figures["held_bytes"]) if peak else None,
    )


def build_here(engine: Engine, vectors: SparseBatch, folder: Path) -> None:
    """Build an index below a new folder and leave the figures beside it.

    Imports and compiled code that a build needs are paid for by a small one, off the clock.
    """
    folder.mkdir()
    with muted(), one_core():
        with tempfile.TemporaryDirectory(dir=folder.parent) as warm_up:
            engine.build(vectors.slice(0, min(WARM_UP_DOCS, len(vectors))), Path(warm_up))
        held_bytes = _private_bytes("self")
        started = time.perf_counter()
        engine.build(vectors, folder)
        seconds = time.perf_counter() - started
    figures = {"seconds": seconds, "held_bytes": held_bytes}
    _figures(folder).write_bytes(msgspec.json.encode(figures))


def _figures(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.json")


def _watch(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process to end and return the most memory it held, 0 if nobody knows."""
    peak = 0
    while True:
        try:
            process.wait(POLL_SECONDS)
            return peak
        except subprocess.TimeoutExpired:
            peak = max(peak, _private_bytes(str(process.pid)))


def _private_bytes(process: str) -> int:
    """Return the memory of a process, and of those it started, that belongs to no file."""
    folder = Path("/proc") / process
    try:
        status = (folder / "status").read_text().splitlines()
        children = [
            child
            for task in (folder / "task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:  # it ended meanwhile, or the system keeps no such files
        return 0
    own = sum(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon:"))
    return own + sum(map(_private_bytes, children))


if __name__ == "__main__":
    build_here(ENGINES[sys.argv[1]](), mapped_vectors(Path(sys.argv[2])), Path(sys.argv[3]))
