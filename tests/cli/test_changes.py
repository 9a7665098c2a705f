"""`lsr delete`, `lsr merge` and `lsr index --update`."""

import json
from pathlib import Path

import pytest

import lsr as library
from command import lsr, tree


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        done = lsr(
            *("index", "-", "--index", "idx"),
            stdin=json.dumps({"id": name, "text": "old", "vector": {"cat": 2}}),
            cwd=tmp_path,
        )
        assert done.code == 0, done.stderr
    return tmp_path


def _hits(folder: Path) -> list[str]:
    return [hit.doc_id for hit in library.Index.open(folder / "idx").search({"cat": 1})]


def test_delete(folder: Path) -> None:
    done = lsr("delete", "a", "--index", "idx", cwd=folder)

    assert done.code == 0, done.stderr
    assert _hits(folder) == ["b"]
    assert lsr("verify", "--index", "idx", cwd=folder).code == 0


def test_delete_of_an_unknown_id_deletes_nothing(folder: Path) -> None:
    before = tree(folder)

    done = lsr("delete", "a", "nobody", "--index", "idx", cwd=folder)

    assert done.code == 1
    assert done.error == "idx has no document with the id 'nobody'; nothing was deleted."
    assert tree(folder) == before


def test_merge(folder: Path) -> None:
    lsr("delete", "a", "--index", "idx", cwd=folder)

    done = lsr("merge", "--index", "idx", "--json", cwd=folder)

    facts = json.loads(done.stdout)
    assert (len(facts["before"]["segments"]), len(facts["after"]["segments"])) == (1, 1)
    assert facts["after"]["n_deleted"] == 0
    assert _hits(folder) == ["b"]


def test_merge_of_one_segment_does_nothing(folder: Path) -> None:
    lsr("merge", "--index", "idx", cwd=folder)
    before = tree(folder / "idx")

    done = lsr("merge", "--index", "idx", cwd=folder)

    assert done.code == 0, done.stderr
    assert tree(folder / "idx") == before


def test_update_replaces_by_id(folder: Path) -> None:
    done = lsr(
        *("index", "-", "--index", "idx", "--update"),
        stdin='{"id": "a", "text": "new", "vector": {"cat": 1}}\n{"id": "c", "vector": {"cat": 1}}',
        cwd=folder,
    )

    assert done.code == 0, done.stderr
    assert _hits(folder) == ["b", "a", "c"]
    (hit,) = [
        hit for hit in library.Index.open(folder / "idx").search({"cat": 1}, 3) if hit.rank == 2
    ]
    assert hit.document.text == "new"


def test_update_still_refuses_an_id_twice_in_the_input(folder: Path) -> None:
    done = lsr(
        *("index", "-", "--index", "idx", "--update"),
        stdin='{"id": "a", "vector": {"cat": 1}}\n{"id": "a", "vector": {"cat": 3}}',
        cwd=folder,
    )

    assert done.code == 1
    assert "occurs twice" in done.error
