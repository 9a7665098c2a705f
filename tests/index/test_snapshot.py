import errno
import shutil
from pathlib import Path

import pytest

import lsr
from lsr.errors import CorruptIndexError, IndexExistsError, InvalidInputError
from lsr.index import make_snapshot, read_manifest, restore_snapshot, storage, verify_index

Answer = list[tuple[str, float, str]]


def _add(path: Path, *doc_ids: str) -> None:
    documents = [{"id": one, "text": f"text {one}", "vector": {"cat": 2}} for one in doc_ids]
    index = lsr.Index.open(path) if path.exists() else lsr.Index.create(path)
    with index.writer() as writer:
        writer.add_documents(documents)
        writer.commit()


def _delete(path: Path, doc_id: str) -> None:
    with lsr.Index.open(path).writer() as writer:
        writer.delete(doc_id)
        writer.commit()


def _answer(index: lsr.Index) -> Answer:
    return [(hit.doc_id, hit.score, hit.document.text) for hit in index.search({"cat": 1}, 99)]


def _ids(path: Path) -> list[str]:
    for _ in verify_index(path):
        pass
    return [doc_id for doc_id, _, _ in _answer(lsr.Index.open(path))]


def _files(path: Path) -> set[str]:
    return {one.name for one in (path / "segments").iterdir()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "idx"
    _add(path, "a", "b")
    _add(path, "c")
    _delete(path, "b")
    return path


@pytest.fixture(params=["links", "copies"])
def linking(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the file system can give a file two names."""
    if request.param == "copies":

        def refuse(*_: object) -> None:
            raise OSError(errno.EXDEV, "Invalid cross-device link")

        monkeypatch.setattr(storage.Disk, "link", refuse)
    return bool(request.param == "links")


def test_a_snapshot_is_the_index_as_it_was(path: Path, tmp_path: Path, linking: bool) -> None:
    snapshot = tmp_path / "snapshot"

    made = make_snapshot(path, snapshot)
    with lsr.Index.open(path).writer() as writer:
        writer.merge()
        writer.commit()
    _delete(path, "a")

    assert _ids(snapshot) == ["a", "c"]
    assert _ids(path) == ["c"]
    assert made == read_manifest(snapshot)
    assert _files(snapshot) == made.file_names()
    assert {one.name for one in snapshot.iterdir()} <= {"manifest.json", "segments", "write.lock"}


def test_a_snapshot_takes_no_space_where_files_can_be_linked(path: Path, tmp_path: Path) -> None:
    make_snapshot(path, tmp_path / "snapshot")

    assert all(one.stat().st_nlink == 2 for one in (tmp_path / "snapshot/segments").iterdir())


def test_a_snapshot_can_be_written_without_changing_the_index(path: Path, tmp_path: Path) -> None:
    make_snapshot(path, tmp_path / "snapshot")

    _add(tmp_path / "snapshot", "d")
    _delete(tmp_path / "snapshot", "c")

    assert _ids(tmp_path / "snapshot") == ["a", "d"]
    assert _ids(path) == ["a", "c"]


def test_restoring_into_a_new_folder(path: Path, tmp_path: Path, linking: bool) -> None:
    restore_snapshot(path, tmp_path / "new")

    assert _ids(tmp_path / "new") == ["a", "c"]


def test_restoring_is_a_commit_that_a_reader_does_not_notice(
    path: Path, tmp_path: Path, linking: bool
) -> None:
    make_snapshot(path, tmp_path / "snapshot")
    _add(path, "d")
    reader = lsr.Index.open(path)
    before = read_manifest(path)
    answer = _answer(reader)

    restore_snapshot(tmp_path / "snapshot", path, replace=True)

    assert _answer(reader) == answer
    reader.refresh()
    assert [doc_id for doc_id, _, _ in _answer(reader)] == ["a", "c"]
    restored = read_manifest(path)
    assert restored.commit == before.commit + 1
    assert _files(path) == restored.file_names()
    assert not restored.file_names() & before.file_names(), "a number was used twice"
    _add(path, "e")
    assert _ids(path) == ["a", "c", "e"]


@pytest.mark.parametrize("victim", ["manifest.json", "segments"])
def test_restoring_mends_a_damaged_index(path: Path, tmp_path: Path, victim: str) -> None:
    make_snapshot(path, tmp_path / "snapshot")
    if victim == "segments":
        shutil.rmtree(path / victim)
    else:
        (path / victim).write_text("{")

    restore_snapshot(tmp_path / "snapshot", path, replace=True)

    assert _ids(path) == ["a", "c"]


def test_a_damaged_snapshot_is_refused_and_changes_nothing(path: Path, tmp_path: Path) -> None:
    # Copied, since a linked file would be damaged in the index as well.
    shutil.copytree(path, tmp_path / "snapshot")
    damaged = max((tmp_path / "snapshot/segments").iterdir())
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    files = _files(path)

    with pytest.raises(CorruptIndexError, match=damaged.name):
        restore_snapshot(tmp_path / "snapshot", path, replace=True)
    with pytest.raises(CorruptIndexError, match=damaged.name):
        make_snapshot(tmp_path / "snapshot", tmp_path / "other")

    assert _ids(path) == ["a", "c"]
    assert _files(path) == files
    assert not (tmp_path / "other").exists()


def test_nothing_is_replaced_unasked(path: Path, tmp_path: Path) -> None:
    make_snapshot(path, tmp_path / "snapshot")
    (tmp_path / "work").mkdir()
    (tmp_path / "work/thesis.txt").write_text("precious")

    with pytest.raises(IndexExistsError, match="choose a new folder"):
        make_snapshot(path, tmp_path / "snapshot")
    with pytest.raises(IndexExistsError, match="--force"):
        restore_snapshot(tmp_path / "snapshot", path)
    for target in (tmp_path / "work", tmp_path / "work/thesis.txt"):
        with pytest.raises(InvalidInputError, match="is not an index"):
            make_snapshot(path, target)
        with pytest.raises(InvalidInputError, match="is not an index"):
            restore_snapshot(path, target, replace=True)


def test_a_commit_in_between_is_taken_instead(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = storage.Disk.link

    def merge_first(disk: storage.Disk, old: Path, new: Path) -> None:
        monkeypatch.setattr(storage.Disk, "link", link)
        with lsr.Index.open(path).writer() as writer:
            writer.merge()
            writer.commit()
        disk.link(old, new)

    monkeypatch.setattr(storage.Disk, "link", merge_first)
    make_snapshot(path, tmp_path / "snapshot")

    assert _ids(tmp_path / "snapshot") == ["a", "c"]
    assert len(read_manifest(tmp_path / "snapshot").segments) == 1
    assert _files(tmp_path / "snapshot") == read_manifest(tmp_path / "snapshot").file_names()
