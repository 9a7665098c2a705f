"""How does this process come into a cluster of Ray, and out of it again?

Ray without authentication runs whatever anybody sends it, so tokens are on unless the environment
says otherwise. A cluster that is started here speaks on the loopback interface only, with a token
of its own, and leaves nothing behind.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lsr.errors import ConfigError, MissingDependencyError, ServiceError

logger = logging.getLogger(__name__)

HERE = "ray"
"""The engine that is started here, or is the one that RAY_ADDRESS names."""

OBJECT_STORE_BYTES = 80 << 20
"""Near the least that Ray allows: paths, queries and hits are all that crosses processes."""

SHARED_MEMORY = Path("/dev/shm")

NOTICE_MS = {"timeout_ms_task_wait_for_death_info": 20, "core_worker_internal_heartbeat_ms": 100}
"""How soon a caller is told that a process has died: it asks another one then. Ray takes its time,
up to two seconds, as its own retries would go to the same process."""

_VERSIONS = re.compile(r"Ray: (\S+)\s+Python: (\S+)")
"""How Ray names a cluster's versions, and then those of the process that wants to join."""

ANSWER_S = 10.0
"""Time that an address has to answer."""


@contextmanager
def session(engine: str) -> Iterator[None]:
    """Be part of a cluster while the block runs.

    Args:
        engine: ``ray`` for one that is started here, or the one that RAY_ADDRESS names, as inside
            a job of Ray; else ``HOST:PORT`` of one that runs.

    Raises:
        ConfigError: `engine` is no address.
        ServiceError: no cluster answers there, or it cannot be joined.
        MissingDependencyError: Ray is not installed.
    """
    address = os.environ.get("RAY_ADDRESS") if engine == HERE else engine
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "error")
    for setting, ms in NOTICE_MS.items():
        os.environ.setdefault(f"RAY_{setting}", str(ms))
    if address:
        _refuse_silence(address)
        with _joined(address, address=address):
            yield
        return
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # Ray's name for loopback only
    if "RAY_AUTH_TOKEN_PATH" not in os.environ:
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    _warn_of_little_shared_memory()
    folder = tempfile.mkdtemp(prefix="lsr-ray-")
    try:
        with _joined(
            "this machine",
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            _temp_dir=folder,
        ):
            yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _joined(name: str, **settings: Any) -> Iterator[None]:
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingDependencyError("A cluster of Ray", "ray") from error
    try:
        ray.init(logging_level="ERROR", log_to_driver=False, **settings)
    except (RuntimeError, ConnectionError, ValueError, ray.exceptions.RayError) as error:
        raise ServiceError(f"The cluster of Ray on {name} {_refusal(str(error))}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _refuse_silence(address: str) -> None:
    """Ray itself would wait for minutes."""
    host, _, port = address.rpartition(":")
    if "/" in host or not host or not port.isdecimal():
        raise ConfigError(
            f"The engine is {address!r}; give local, ray, or HOST:PORT of a cluster of Ray, such "
            "as 10.0.0.1:6379."
        )
    try:
        socket.create_connection((host, int(port)), timeout=ANSWER_S).close()
    except (OSError, OverflowError) as error:
        raise ServiceError(
            f"No cluster of Ray answers at {address}: {error}. Check the address, and that its "
            "head runs (ray status)."
        ) from error


def _warn_of_little_shared_memory() -> None:
    """Say why a cluster in a container may crawl."""
    if SHARED_MEMORY.is_dir():
        free = shutil.disk_usage(SHARED_MEMORY).free
        if free < OBJECT_STORE_BYTES:
            logger.warning(
                "Only %d MB of shared memory are free, so Ray uses the disk, which is slow; give "
                "the container more, such as --shm-size 256m.",
                free >> 20,
            )


def _refusal(message: str) -> str:
    """Say in a sentence why Ray has refused."""
    versions = _VERSIONS.findall(message)
    if len(versions) == 2:
        theirs, ours = (f"Ray {ray} and Python {python}" for ray, python in versions)
        return f"runs {theirs}, this process {ours}; use the same versions."
    short = " ".join(message.split())[:300].rstrip(".")
    return (
        f"cannot be joined: {short}. It must have the token (RAY_AUTH_TOKEN) that is used here, or "
        "neither."
    )
