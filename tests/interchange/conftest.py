from pathlib import Path

import pytest

from interchange import make_index
from lsr.retrieval import Index


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """An index of 8-bit impacts; not to be changed."""
    return make_index(tmp_path_factory.mktemp("interchange") / "idx", max_weight=3.0)


@pytest.fixture(scope="session")
def float_index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """The same documents with float32 weights; not to be changed."""
    return make_index(tmp_path_factory.mktemp("interchange") / "floats", weights="float32")


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    """Two queries, of whole and of broken weights."""
    path = tmp_path / "queries.jsonl"
    path.write_text(
        '{"id": "q1", "vector": {"cat": 2, "zoo": 1}}\n'
        '{"id": "q2", "vector": {"##x": 0.25, "cat": 1.004}}\n'
    )
    return path
