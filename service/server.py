"""How is the application run? By granian, in this process.

Granian cuts off clients whose headers do not come. It runs embedded in this process, so that the
exit code, the order of shutting down and what is written to stderr are ours (ADR 12).
"""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import logging
import signal
import socket
from collections.abc import Callable
from threading import TIMEOUT_MAX, Thread
from typing import TYPE_CHECKING

from fastapi import FastAPI

from lsr.errors import ConfigError, MissingDependencyError
from lsr.service.warming import Warming

if TYPE_CHECKING:
    from granian.server.embed import Server

logger = logging.getLogger(__name__)

HEADERS_MS = 30_000
"""How long a client may take to send its headers."""

BACKLOG = 2_048
"""Requests that are answered at a time, and connections that the system holds beside them."""


def is_public(host: str) -> bool:
    """Say whether others than this machine can reach an address."""
    if host == "localhost":
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True  # a name: who knows where it leads


def refuse_open_house(host: str, has_keys: bool) -> None:
    """Refuse to let everybody do everything.

    Raises:
        ConfigError: the address is public and no key is asked for.
    """
    if is_public(host) and not has_keys:
        raise ConfigError(
            f"Others can reach {host}, and without keys they could change and delete indexes; "
            "make a key with lsr keys create NAME --keys FILE and give --keys FILE, or say "
            "--insecure."
        )


def run(app: FastAPI, host: str, port: int, drain_s: float) -> int:
    """Serve `app` until the process is told to stop.

    Args:
        app: the service.
        host: address to listen on.
        port: port to listen on.
        drain_s: how long requests may take to end.

    Returns:
        The exit code: 128 and the number of the signal that stopped it.

    Raises:
        ConfigError: the address cannot be listened on.
        MissingDependencyError: granian or uvloop is not installed.
    """
    try:
        import uvloop
        from granian.constants import HTTPModes, Interfaces
        from granian.http import HTTP1Settings
        from granian.server.embed import Server
    except ModuleNotFoundError as error:
        raise MissingDependencyError("lsr serve", "serve") from error
    _refuse_taken(host, port)
    server = Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        backlog=BACKLOG,
        http1_settings=HTTP1Settings(header_read_timeout=HEADERS_MS),
        log_enabled=False,
    )
    # The embedded server has no argument for this.
    server.workers_kill_timeout = int(drain_s)
    return uvloop.run(_serve(server, app.state.warming))


def _refuse_taken(host: str, port: int) -> None:
    """Refuse an address that cannot be listened on, which granian would not survive."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise ConfigError(
            f"{host}:{port} cannot be listened on: {error.strerror or error}; choose another "
            "--port, or stop what is there."
        ) from error


async def _serve(server: Server, warming: Warming) -> int:
    Thread(target=_keep_what_is_loaded, args=(warming,), daemon=True).start()
    stopped_by = _stop_on_signals(server.stop)
    try:
        await server.serve()
    except TimeoutError:
        logger.warning(
            "Requests that took more than %d s to end were cut off.", server.workers_kill_timeout
        )
    return await stopped_by


def _keep_what_is_loaded(warming: Warming) -> None:
    """Spare the collector of garbage what a warm service holds, to look through which takes 0.1 s.

    Meanwhile no request is answered.
    """
    warming.wait(timeout_s=TIMEOUT_MAX)
    gc.collect()
    gc.freeze()


def _stop_on_signals(stop: Callable[[], None]) -> asyncio.Future[int]:
    """Call `stop` on the first signal, and tell the exit code; the second one ends at once."""
    loop = asyncio.get_running_loop()
    code: asyncio.Future[int] = loop.create_future()

    def hear(number: signal.Signals) -> None:
        if code.done():
            raise SystemExit(code.result())
        code.set_result(128 + number)
        stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, hear, number)
    logging.getLogger("_granian").setLevel(logging.ERROR)
    return code
