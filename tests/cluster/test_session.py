"""Whoever names a cluster that is not there is told so at once."""

import os
import shutil
import socket
from collections.abc import Iterator
from unittest import mock

import pytest

from lsr.cluster.session import session
from lsr.errors import ConfigError, ServiceError


@pytest.fixture(autouse=True)
def own_environment() -> Iterator[None]:
    with mock.patch.dict(os.environ):
        yield


@pytest.mark.parametrize("engine", ["spark", "ray://head:10001", "head:", ":6379", "head:port"])
def test_what_is_no_address_is_refused(engine: str) -> None:
    with pytest.raises(ConfigError, match=f"The engine is {engine!r}; give local, ray, or HOST"):
        with session(engine):
            pass


def test_an_address_that_does_not_answer_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    with pytest.raises(ServiceError, match=f"No cluster of Ray answers at 127.0.0.1:{port}: .*"):
        with session(f"127.0.0.1:{port}"):
            pass


def test_little_shared_memory_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("ray")
    usage = shutil.disk_usage("/")._replace(free=64 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    monkeypatch.setattr("ray.init", _refuse)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)

    with pytest.raises(
        ServiceError, match=r"cannot be joined: Version mismatch: 1 and 2\. It must"
    ):
        with session("ray"):
            pass

    assert "Only 64 MB of shared memory are free" in caplog.text


def _refuse(**_: object) -> None:
    raise RuntimeError("Version mismatch:\n 1 and 2.")
