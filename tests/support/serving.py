"""Serve folders inside this process."""

from collections.abc import Callable

from starlette.testclient import TestClient

Serve = Callable[..., TestClient]
"""``serve(folder, ..., setting=value)`` returns a client of a service."""
