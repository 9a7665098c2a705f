"""How much memory does encoding take? That of a process of its own, which does nothing else.

    python -P -m lsr.eval.bench.peak_memory MODEL BACKEND PRECISION MAX_LENGTH < TEXTS.json

encodes the texts on all cores, and prints the most memory that it had in use, shared libraries and
mapped weights included.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from lsr.encoders import Precision, load_encoder
from lsr.encoders.backend import Backend
from lsr.errors import LsrError


class PeakMemoryError(LsrError):
    """The process that was to be measured failed."""


def peak_bytes(
    folder: Path, backend: Backend, precision: Precision, max_length: int, texts: Sequence[str]
) -> int | None:
    """Return the peak memory of loading a model and encoding texts; None if nobody knows.

    Raises:
        PeakMemoryError: the process failed.
    """
    arguments = [str(folder), str(backend), str(precision), str(max_length)]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "lsr.eval.bench.peak_memory", *arguments],
        input=msgspec.json.encode(texts),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        reason = lines[-1].rstrip(".") if lines else "no message"
        raise PeakMemoryError(
            f"The memory of {backend} {precision} could not be measured: exit code "
            f"{done.returncode}, {reason}."
        )
    return msgspec.json.decode(done.stdout, type=int | None)


def encode_here(
    folder: str, backend: str, precision: str, max_length: str, texts: Sequence[str]
) -> int | None:
    """Encode texts and return the most memory that this process has had in use."""
    encoder = load_encoder(
        folder,
        max_length=int(max_length),
        precision=Precision(precision),
        backend=Backend(backend),
    )
    encoder.encode_documents(texts)
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text()) if status.is_file() else None
    return int(found[1]) * 1024 if found else None


if __name__ == "__main__":
    _, model, backend, precision, max_length = sys.argv
    texts = msgspec.json.decode(sys.stdin.buffer.read(), type=list[str])
    peak = encode_here(model, backend, precision, max_length, texts)
    sys.stdout.buffer.write(msgspec.json.encode(peak))
