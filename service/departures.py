"""Is the client still there? Work for one that has gone is cancelled."""

from __future__ import annotations

import asyncio
from types import TracebackType

from fastapi import Request

from lsr.service.problems import Problem

LOOK_S = 0.25
"""Requests that end sooner are not watched, so that watching costs the many quick ones nothing."""

CLIENT_GONE = 499
"""No status of HTTP, and nobody sees it but the log, where operators know it."""


class WhileConnected:
    """Cancels what runs inside ``with WhileConnected(request):`` when the client goes.

    Args:
        request: its body has been read.

    Raises:
        Problem: the client has gone.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._is_gone = False
        self._watch: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        """Begin to watch, in a while."""
        self._task = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Watch no more."""
        self._timer.cancel()
        if self._watch:
            self._watch.cancel()
        if self._is_gone and isinstance(error, asyncio.CancelledError):
            raise Problem(CLIENT_GONE, "client-gone", "The client has gone.") from None

    def _look(self) -> None:
        self._watch = asyncio.get_running_loop().create_task(self._wait())

    async def _wait(self) -> None:
        message = await self._request.receive()
        if message["type"] == "http.disconnect" and self._task:
            self._is_gone = True
            self._task.cancel()
