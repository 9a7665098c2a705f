"""Which request was this, and how did it go? An id for each, a line in the log, a count."""

from __future__ import annotations

import re
import time
from random import getrandbits
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lsr.service.log import RequestLog
from lsr.service.metrics import Metrics

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")

SECURITY_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        b"object-src 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
"""Browsers load nothing from elsewhere, guess no types, and show no page inside another."""


class RequestRecord:
    """Names each request, guards each answer, and says how it went.

    Args:
        app: answers requests.
        log: where lines go; None for none.
        metrics: where requests are counted.
    """

    def __init__(self, app: ASGIApp, log: RequestLog | None, metrics: Metrics) -> None:
        self._app = app
        self._log = log
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(scope)
        scope["lsr.request_id"] = request_id
        own_headers = [*SECURITY_HEADERS, (b"x-request-id", request_id.encode())]
        status = 0

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = list(message.get("headers", ()))
                given = {name for name, _ in headers}  # a page may have a policy of its own
                headers += [(name, value) for name, value in own_headers if name not in given]
                message["headers"] = headers
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", "")
            self._metrics.count_request(route, scope["method"], status, seconds)
            if self._log:
                self._log.write(_line(scope, request_id, route, status, seconds))


def _request_id(scope: Scope) -> str:
    """Return the client's name for the request where it is a sane one, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    return f"{getrandbits(64):016x}"  # only has to be unique; the system's numbers cost a call


def _line(scope: Scope, request_id: str, route: str, status: int, seconds: float) -> dict[str, Any]:
    line: dict[str, Any] = {
        "time": round(time.time(), 3),
        "request_id": request_id,
        "method": scope["method"],
        "route": route,
        "status": status,
        "ms": round(seconds * 1000, 3),
    }
    for name in ("key", "index", "stages", "query"):
        value = scope.get(f"lsr.{name}")
        if value is not None:
            line[name] = value
    return line
