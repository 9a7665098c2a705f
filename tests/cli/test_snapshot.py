"""`lsr snapshot` and `lsr restore`."""

import json
from pathlib import Path

import pytest

from command import lsr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    done = lsr(
        *("index", "-", "--index", "idx"),
        stdin='{"id": "a", "vector": {"cat": 2}}\n{"id": "b", "vector": {"cat": 1}}',
        cwd=tmp_path,
    )
    assert done.code == 0, done.stderr
    return tmp_path


def test_a_deleted_document_comes_back(folder: Path) -> None:
    done = lsr("snapshot", "--index", "idx", "--output", "saved", cwd=folder)
    assert done.code == 0, done.stderr
    assert done.stdout.startswith("saved holds 2 documents, verified, in ")
    assert lsr("delete", "a", "--index", "idx", cwd=folder).code == 0

    done = lsr("restore", "saved", "--index", "idx", "--force", "--json", cwd=folder)

    # The first commit, the deletion, the rewriting of a half-deleted segment, the restoration.
    assert json.loads(done.stdout) == {"path": "idx", "commit": 4, "n_docs": 2}
    assert lsr("verify", "--index", "idx", cwd=folder).code == 0


def test_an_index_is_not_replaced_without_force(folder: Path) -> None:
    lsr("snapshot", "--index", "idx", "--output", "saved", cwd=folder)

    done = lsr("restore", "saved", "--index", "idx", cwd=folder)

    assert done.code == 1
    assert done.error.startswith("idx is an index already; choose another folder, or replace it")


def test_a_snapshot_of_nothing_is_refused(folder: Path) -> None:
    done = lsr("snapshot", "--index", "nowhere", "--output", "saved", cwd=folder)

    assert done.code == 1
    assert done.error.startswith("nowhere is not an index")
    assert not (folder / "saved").exists()
