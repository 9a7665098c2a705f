"""How long may a body take to arrive? A while, and longer the more of it has come.

The server cuts off clients that trickle headers, but hands requests on once their headers are in.
"""

from __future__ import annotations

import asyncio
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lsr.service.problems import Problem


class BodyDeadline:
    """Stops waiting for bodies that come too slowly: they get a 408.

    Only the time spent waiting for the client counts, so that a stream of documents may take as
    long as the index needs for it.

    Args:
        app: answers requests.
        patience_s: how long to wait for a body, whatever its size.
        bytes_per_s: that many bytes buy another second.
    """

    def __init__(self, app: ASGIApp, patience_s: float, bytes_per_s: float) -> None:
        self._app = app
        self._patience_s = patience_s
        self._bytes_per_s = bytes_per_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        waited, n_bytes, is_whole = 0.0, 0, False

        async def receive_soon() -> Message:
            nonlocal waited, n_bytes, is_whole
            if is_whole:  # what comes next is that the client has gone, at any time
                return await receive()
            left = self._patience_s + n_bytes / self._bytes_per_s - waited
            began = time.perf_counter()
            try:
                async with asyncio.timeout(left):
                    message = await receive()
            except TimeoutError:
                raise Problem(
                    408,
                    "body-too-slow",
                    f"The body came too slowly: {n_bytes} bytes in {waited + left:.0f} s; send the "
                    "request again at once.",
                    headers={"Connection": "close"},
                ) from None
            waited += time.perf_counter() - began
            n_bytes += len(message.get("body", b""))
            is_whole = not message.get("more_body", False)
            return message

        await self._app(scope, receive_soon, send)


def _has_body(scope: Scope) -> bool:
    return any(
        (name == b"content-length" and value != b"0") or name == b"transfer-encoding"
        for name, value in scope["headers"]
    )
