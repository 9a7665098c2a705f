import json
from pathlib import Path

import pytest

from command import lsr
from tiny_models import save_tiny_model

DOCUMENTS = [
    {"_id": "d1", "title": "Sparse retrieval", "text": "the index and the query", "year": 2021},
    {"_id": "d2", "text": "a garden of flowers in the summer", "tags": ["plants", "sun"]},
    {"_id": "d3", "title": "Music", "text": "an engine and a wheel, and a song by the river"},
]


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random masked-language model of a few kilobytes."""
    return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """Folder with ``docs.jsonl`` and the index ``idx`` of it; not to be changed."""
    folder = tmp_path_factory.mktemp("indexed")
    (folder / "docs.jsonl").write_text("".join(json.dumps(one) + "\n" for one in DOCUMENTS))
    done = lsr(
        *("index", "docs.jsonl", "--index", "idx", "--model", tiny_model, "--max-length", "32"),
        cwd=folder,
    )
    assert done.code == 0, done.stderr
    return folder
