from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import lsr.index.writer as subject
from lsr.documents import Document
from lsr.errors import (
    DiskFullError,
    DuplicateIdError,
    IndexLockedError,
    IndexStorageError,
    InvalidInputError,
)
from lsr.index import (
    IndexWriter,
    Searcher,
    Vocabulary,
    is_index,
    is_vacant,
    read_manifest,
    segment_set,
    storage,
    verify_index,
    write_lock,
)
from lsr.index.memory import MemoryBudget
from lsr.index.vocabulary import VocabularyKind
from lsr.sparse import SparseBatch

ONE = SparseBatch.from_rows([[(0, 1.0)]], n_terms=1)


@contextmanager
def _writer(path: Path, **changes: Any) -> Iterator[IndexWriter]:
    settings = {"max_weight": 4.0, "encoder": None, "properties": {}, **changes}
    vocabulary = Vocabulary(VocabularyKind.NUMBERS, n_terms=1)
    with write_lock(path):
        manifest = read_manifest(path) if is_index(path) else None
        with IndexWriter(path, manifest, vocabulary, **settings) as writer:
            yield writer


def _add(path: Path, doc_id: str, **changes: Any) -> None:
    with _writer(path, **changes) as writer:
        writer.add([Document(doc_id, "title", "text", {"price": 3})], ONE)
        writer.commit()


def _ids(path: Path) -> list[str]:
    searcher = Searcher.open(path)
    return searcher.doc_ids(range(searcher.n_docs))


def _files(path: Path) -> dict[str, bytes]:
    return {str(one.relative_to(path)): one.read_bytes() for one in path.rglob("*.*")}


def test_adding_makes_another_segment(tmp_path: Path) -> None:
    path = tmp_path / "x"
    _add(path, "a")

    _add(path, "b")

    assert _ids(path) == ["a", "b"]
    assert len(read_manifest(path).segments) == 2
    assert len(list(verify_index(path))) == 4


def test_documents_come_back_as_they_went_in(tmp_path: Path) -> None:
    path = tmp_path / "x"
    document = Document("a", "Title", "líne\none\U0001f600", {"tags": ["x", None], "n": 1.5})
    with _writer(path) as writer:
        writer.add([document], ONE)
        writer.commit()

    assert Searcher.open(path).document(0) == document


def test_a_full_buffer_makes_a_segment_of_the_same_commit(tmp_path: Path) -> None:
    path = tmp_path / "x"
    two_postings = MemoryBudget(rows=2 * 5, waiting=1000, kept=1000)
    with _writer(path, memory=two_postings) as writer:
        for doc_id in "abcde":
            writer.add([Document(doc_id)], ONE)
        assert not is_index(path)
        writer.commit()

    assert _ids(path) == list("abcde")
    assert [one.n_docs for one in read_manifest(path).segments] == [2, 2, 1]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_leaving_without_commit_changes_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "x"
    _add(path, "a")
    before = _files(path)

    with pytest.raises(error), _writer(path) as writer:
        writer.add([Document("b")], ONE)
        raise error

    assert _files(path) == before


def test_a_new_index_that_fails_leaves_no_folder(tmp_path: Path) -> None:
    path = tmp_path / "x"

    with pytest.raises(ValueError, match="stop"), _writer(path) as writer:
        writer.add([Document("b")], ONE)
        raise ValueError("stop")

    assert not path.exists()


def test_a_crash_before_the_manifest_leaves_the_old_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    _add(path, "a")

    def crash(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(subject, "write_manifest", crash)
        # A killed process does not tidy up.
        patch.setattr(subject, "remove_orphans", lambda *_: None)
        _add(path, "b")

    assert _ids(path) == ["a"]
    _add(path, "c")
    assert _ids(path) == ["a", "c"]
    named = {f"segments/{name}" for name in read_manifest(path).file_names()}
    assert {name for name in _files(path) if name.startswith("segments/")} == named


def test_replacing_keeps_the_old_documents_until_the_commit(tmp_path: Path) -> None:
    path = tmp_path / "x"
    _add(path, "a")
    reader = Searcher.open(path)

    with _writer(path, replace=True) as writer:
        writer.add([Document("a")], ONE)
        assert _ids(path) == ["a"]
        writer.commit()
    _add(path, "b")

    assert _ids(path) == ["a", "b"]
    # The old files are gone, but a reader that had them mapped goes on.
    ((doc_number, score),) = reader.search_batch(ONE, 1).hits(0)
    assert doc_number == 0
    assert score == pytest.approx(1.0, abs=0.01)


def test_refuses_a_duplicate_in_a_batch_across_batches_and_in_the_index(tmp_path: Path) -> None:
    path = tmp_path / "x"
    two = SparseBatch.concatenate([ONE, ONE])
    with _writer(path) as writer:
        with pytest.raises(DuplicateIdError, match=r"f:2: the id 'a' occurs twice, first at f:1"):
            writer.add([Document("a", place="f:1"), Document("a", place="f:2")], two)
        writer.add([Document("a", place="f:1")], ONE)
        with pytest.raises(DuplicateIdError, match=r"f:3: the id 'a' occurs twice, first at f:1"):
            writer.add([Document("a", place="f:3")], ONE)
        writer.commit()

    with _writer(path) as writer, pytest.raises(DuplicateIdError, match=r"f:4.* in the index"):
        writer.add([Document("a", place="f:4")], ONE)


def test_the_second_writer_is_told_who_writes(tmp_path: Path) -> None:
    path = tmp_path / "x"

    with _writer(path), pytest.raises(IndexLockedError, match=r"written by process \d+ since 20"):
        _writer(path).__enter__()


def test_refuses_weights_of_another_scale(tmp_path: Path) -> None:
    small = SparseBatch.from_rows([[(0, 0.01)]], n_terms=1)

    with pytest.raises(InvalidInputError, match=r"would change these weights by .* --max-weight"):
        with _writer(tmp_path / "x", max_weight=255.0) as writer:
            writer.add([Document("a")], small)
            writer.commit()


def test_warns_of_a_few_clipped_weights_and_counts_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    weights = SparseBatch.from_rows([[(term, 4.0) for term in range(99)] + [(99, 5.0)]], 100)

    with _writer(tmp_path / "x") as writer:
        writer.vocabulary = Vocabulary(VocabularyKind.NUMBERS, n_terms=100)
        writer.add([Document("a")], weights)
        writer.commit()

    assert "1 of 100 weights exceed 4" in caplog.text
    assert read_manifest(tmp_path / "x").segments[0].n_clipped == 1


def test_a_full_disk_says_where_and_leaves_the_old_commit(
    tmp_path: Path, with_file_size_limit: Callable[[int], None]
) -> None:
    path = tmp_path / "x"
    _add(path, "a")
    wide = SparseBatch.from_rows([[(term, 1.0) for term in range(100_000)]], 100_000)

    with_file_size_limit(100_000)
    with pytest.raises(DiskFullError, match=r"The disk is full: .*\.arrays could not be written"):
        with _writer(path) as writer:
            writer.vocabulary = Vocabulary(VocabularyKind.NUMBERS, n_terms=100_000)
            writer.add([Document("b")], wide)
            writer.commit()

    assert _ids(path) == ["a"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(5, "Input/output error")])
def test_a_failure_after_the_rename_keeps_the_new_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException | type[BaseException]
) -> None:
    """Ctrl-C between the rename and the sync of its folder once removed live segments."""
    path = tmp_path / "x"
    _add(path, "a")
    sync = storage.sync_folder

    def fail_at_the_manifest(folder: Path) -> None:
        if folder == path:
            raise error
        sync(folder)

    with monkeypatch.context() as patch, pytest.raises((KeyboardInterrupt, IndexStorageError)):
        patch.setattr(storage, "sync_folder", fail_at_the_manifest)
        _add(path, "b")

    assert _ids(path) == ["a", "b"]
    assert len(list(verify_index(path))) == 4


def test_a_failed_merge_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    _add(path, "a")
    _add(path, "b")

    def fail(*_: object) -> None:
        raise DiskFullError("full")

    with _writer(path) as writer:
        with monkeypatch.context() as patch, pytest.raises(DiskFullError):
            patch.setattr(segment_set, "copy_segments", fail)
            writer.merge()
        writer.commit()

    assert _ids(path) == ["a", "b"]


def test_leftovers_of_an_interrupted_first_writer_are_in_nobodys_way(tmp_path: Path) -> None:
    path = tmp_path / "x"
    (path / "segments").mkdir(parents=True)
    for name in ("write.lock", "writer.txt", "manifest.json.tmp", "segments/00000001.arrays"):
        (path / name).write_text("left")

    assert is_vacant(path)
    _add(path, "a")

    assert _ids(path) == ["a"]
    (path / "thesis.txt").write_text("precious")
    assert not is_vacant(path)
