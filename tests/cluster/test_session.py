"""Whoever names a cluster that is not there is told so at once."""

import os
import platform
import shutil
import socket
from collections.abc import Iterator
from importlib.metadata import version
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
    usage = shutil.disk_usage("/")._replace(free=64 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)

    with pytest.raises(ServiceError, match=r"cannot be joined: No token given\. It must have"):
        _refused(monkeypatch, "No token\n given.")

    assert "Only 64 MB of shared memory are free" in caplog.text


def test_other_versions_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    from ray._private.utils import check_version_info

    cluster = {"ray_version": "2.10.0", "python_version": "3.9.1"}
    with pytest.raises(RuntimeError) as said:
        check_version_info(cluster, "10.0.0.2:6379")

    ours = f"Ray {version('ray')} and Python {platform.python_version()}"
    with pytest.raises(
        ServiceError, match=f"runs Ray 2.10.0 and Python 3.9.1, this process {ours}; use the same"
    ):
        _refused(monkeypatch, str(said.value))


def _refused(monkeypatch: pytest.MonkeyPatch, message: str) -> None:
    """Be refused by Ray with a message."""
    pytest.importorskip("ray")

    def refuse(**_: object) -> None:
        raise RuntimeError(message)

    monkeypatch.setattr("ray.init", refuse)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with session("ray"):
        pass
