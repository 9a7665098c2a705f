"""Where do log lines go? To stderr, one JSON object a line, from a thread of its own.

A reader of stderr that sleeps must not make the service sleep, so what waits is bounded, and what
did not fit is counted.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any, BinaryIO

import msgspec

GATHER_S = 0.05
"""How long lines wait for others, so that many are written at once."""

MOST_WAITING = 50_000


class RequestLog:
    """Writes lines.

    Args:
        stream: where to; by default stderr.
    """

    def __init__(self, stream: BinaryIO | None = None) -> None:
        self._stream = stream or sys.stderr.buffer
        self._waiting: deque[Mapping[str, Any]] = deque()
        self._n_lost = 0
        self._is_news = threading.Event()
        self._is_closing = threading.Event()
        self._writer = threading.Thread(target=self._run, name="log", daemon=True)
        self._writer.start()

    def write(self, line: Mapping[str, Any]) -> None:
        """Write a line soon."""
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(line)
        else:
            self._n_lost += 1
        if not self._is_news.is_set():
            self._is_news.set()

    def close(self) -> None:
        """Write what waits, but do not wait for a reader that sleeps."""
        self._is_closing.set()
        self._is_news.set()
        self._writer.join(timeout=1.0)

    def _run(self) -> None:
        while not self._is_closing.is_set():
            self._is_news.wait()
            self._is_closing.wait(GATHER_S)
            self._is_news.clear()
            self._flush()

    def _flush(self) -> None:
        lines = []
        while self._waiting:
            lines.append(self._waiting.popleft())
        n_lost, self._n_lost = self._n_lost, 0
        if n_lost:
            lines.append({"lost_lines": n_lost})
        try:
            self._stream.write(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
            self._stream.flush()
        except (OSError, ValueError):
            pass  # nobody reads stderr any more, which is no reason to stop serving
