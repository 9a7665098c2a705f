"""The real service, in a process of its own, on a free port of this machine."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from command import COMMAND, environment

START_LIMIT_S = 300.0
"""To start takes a second or two, and minutes where all kernels must be compiled first."""


@dataclass(frozen=True, slots=True)
class RunningService:
    """A service that answers.

    Attributes:
        process: its process.
        url: where it answers.
    """

    process: subprocess.Popen[bytes]
    url: str


@contextmanager
def running_service(
    *folders: Path, log: Path, options: tuple[str, ...] = (), **settings: str
) -> Iterator[RunningService]:
    """Serve folders until the block ends, which kills the service if it still runs.

    Args:
        folders: what to serve.
        log: file to which its output is appended.
        options: more of the command line.
        settings: environment variables.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(COMMAND), "serve", *map(str, folders), "--port", str(port), *options]
    with (
        log.open("ab") as output,
        subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            env={**environment(), "LSR_SERVE_TIMEOUT_MS": "600000", **settings},
        ) as process,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(url, process, log)
            yield RunningService(process, url)
        finally:
            process.kill()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_LIMIT_S
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.02)
    raise AssertionError(f"The service does not answer: {log.read_text()}")
