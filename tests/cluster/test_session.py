"""Whoever names a cluster that is not there is told so at once."""

import socket

import pytest

from lsr.cluster.session import session
from lsr.errors import ConfigError, ServiceError


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
