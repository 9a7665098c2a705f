"""A small index, and the service on it."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from lsr.retrieval import Index
from lsr.service.app import create_app
from lsr.service.settings import Settings
from serving import Serve


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An index of 50 documents, the score of whose number n for the term t is 1 + n / 10."""
    path = tmp_path / "things"
    documents: list[Any] = [
        {
            "id": f"d{number}",
            "title": f"Thing {number}",
            "vector": {"t": 1 + number / 10, f"only{number}": 1.0},
            "even": number % 2 == 0,
        }
        for number in range(50)
    ]
    Index.build(path, documents, fields={"even": "bool"}, weights="float32")
    return path


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve folders, with settings by name."""
    with ExitStack() as stack:

        def start(*folders: Path, **settings: Any) -> TestClient:
            settings.setdefault("log_requests", False)
            app = create_app(folders, Settings(**settings))
            client = TestClient(app, raise_server_exceptions=False)
            stack.enter_context(client)
            assert app.state.warming.wait(120)  # kernels may have to be compiled first
            return client

        yield start
