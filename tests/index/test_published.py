"""An index that was put at a URL is the same one there, whole or not at all."""

import errno
import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

import lsr
from command import lsr as command
from command import tree
from lsr.errors import (
    ConfigError,
    CorruptIndexError,
    DiskFullError,
    IndexExistsError,
    IndexNotFoundError,
    IndexStorageError,
    MissingDependencyError,
)
from lsr.index import folder_with, manifest_at, origin_of, parts_of, publish
from lsr.index.storage import Disk
from sharded_builds import build, found, write_collection

URL = "memory://bucket/pets"
PETS = [("a", {"cat": 2.0, "milk": 1.0}), ("b", {"dog": 2.0})]


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cache of its own, and an empty object store."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    MemoryFileSystem.store.clear()
    yield
    MemoryFileSystem.store.clear()


@pytest.fixture
def pets(tmp_path: Path) -> lsr.Index:
    return lsr.Index.build(tmp_path / "pets", PETS)


def _add(index: lsr.Index, *documents: tuple[str, dict[str, float]]) -> None:
    with index.writer() as writer:
        writer.add_documents(documents)
        writer.commit()


def _names() -> set[str]:
    return set(MemoryFileSystem.store)


def _fail(monkeypatch: pytest.MonkeyPatch, name: str, error: Exception, after: int = 0) -> None:
    """Let a method of the object store fail, from some call on."""
    calls: list[object] = []
    whole = getattr(MemoryFileSystem, name)

    def failing(*arguments: Any, **settings: Any) -> Any:
        calls.append(arguments)
        if len(calls) > after:
            raise error
        return whole(*arguments, **settings)

    monkeypatch.setattr(MemoryFileSystem, name, failing)


@pytest.mark.parametrize("n_shards", [1, 3])
def test_what_is_published_is_the_same_index(n_shards: int, tmp_path: Path) -> None:
    write_collection(tmp_path / "docs.jsonl", 200)
    index = build(tmp_path / "docs.jsonl", tmp_path / "idx", n_shards)
    with index.writer() as writer:
        assert writer.delete("d3")
        writer.commit()

    publish(index.path, URL + "/")
    read = lsr.Index.open(URL)

    assert found(read, 100) == found(index, 100)
    assert found(read, 100, "year >= 2010") == found(index, 100, "year >= 2010")
    assert len(parts_of(read.searcher.manifest)) == n_shards
    assert (read.path.name, origin_of(read.path), origin_of(index.path)) == ("pets", URL, None)


def test_only_what_has_changed_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crows = [(f"c{number}", {"crow": 1.0}) for number in range(20)]
    pets = lsr.Index.build(tmp_path / "idx", [*PETS, *crows])
    publish(pets.path, URL)
    read = lsr.Index.open(URL)
    before = _names()
    with pets.writer() as writer:
        assert writer.delete("b")
        writer.commit()
    put: list[str] = []
    monkeypatch.setattr(
        MemoryFileSystem, "put_file", _recording(MemoryFileSystem.put_file, put, place=2)
    )
    fetched: list[str] = []
    monkeypatch.setattr(MemoryFileSystem, "_open", _recording(MemoryFileSystem._open, fetched, 1))

    publish(pets.path, URL, replace=True)
    of_publishing = len(fetched)
    assert [hit.doc_id for hit in read.search({"dog": 1.0})] == ["b"]
    read.refresh()

    assert not read.search({"dog": 1.0})
    (new,) = _names() - before
    assert put == [new]
    assert fetched[of_publishing:] == [new]
    assert lsr.Index.open(URL).searcher.manifest == manifest_at(URL)


def _recording(method: Any, names: list[str], place: int) -> Any:
    def recorded(*arguments: Any, **settings: Any) -> Any:
        if "segments" in str(arguments[place]):
            names.append(str(arguments[place]))
        return method(*arguments, **settings)

    return recorded


def test_another_index_takes_its_place_only_when_told(pets: lsr.Index, tmp_path: Path) -> None:
    publish(pets.path, URL)
    lsr.Index.open(URL)
    birds = lsr.Index.build(tmp_path / "birds", [("c", {"crow": 1.0})])

    with pytest.raises(IndexExistsError, match=f"^{URL} is an index already; .* add --force"):
        publish(birds.path, URL)
    publish(birds.path, URL, replace=True)

    read = lsr.Index.open(URL)
    assert [hit.doc_id for hit in read.search({"crow": 1.0})] == ["c"]
    published = {name.removeprefix("/bucket/pets/") for name in _names()}
    assert set(tree(read.path)) == published  # of the index before, nothing is left


def test_an_upload_that_is_cut_is_no_index_and_goes_on(
    pets: lsr.Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        _fail(patch, "put_file", OSError("connection reset"), after=2)
        with pytest.raises(
            IndexStorageError, match=f"^{URL} cannot be used: connection reset. Repeat the command"
        ):
            publish(pets.path, URL)
    kept = _names()
    assert len(kept) == 2
    with pytest.raises(IndexNotFoundError, match=f"^{URL} is not an index: it has no manifest"):
        lsr.Index.open(URL)

    put: list[str] = []
    monkeypatch.setattr(
        MemoryFileSystem, "put_file", _recording(MemoryFileSystem.put_file, put, place=2)
    )
    publish(pets.path, URL)

    assert kept.isdisjoint(put)
    assert [hit.doc_id for hit in lsr.Index.open(URL).search({"cat": 1.0})] == ["a"]


def test_a_copy_that_is_cut_goes_on(pets: lsr.Index, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(pets.path, URL)
    with monkeypatch.context() as patch:
        _fail(patch, "_open", OSError("connection reset"), after=1)
        with pytest.raises(IndexStorageError, match="cannot be used: connection reset"):
            lsr.Index.open(URL)
    fetched: list[str] = []
    monkeypatch.setattr(MemoryFileSystem, "_open", _recording(MemoryFileSystem._open, fetched, 1))

    read = lsr.Index.open(URL)

    assert len(fetched) == len(manifest_at(URL).files()) - 1
    assert [hit.doc_id for hit in read.search({"cat": 1.0})] == ["a"]


def test_a_full_disk_is_told(pets: lsr.Index, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(pets.path, URL)

    def fill(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Disk, "write", fill)
        with pytest.raises(DiskFullError, match=r"The disk is full: .*cache/lsr/indexes/"):
            lsr.Index.open(URL)

    assert lsr.Index.open(URL).searcher.n_docs == 2


@pytest.mark.parametrize("damage", ["gone", "other bytes"])
def test_what_is_damaged_there_is_named(pets: lsr.Index, damage: str) -> None:
    publish(pets.path, URL)
    (name,) = (one for one in _names() if ".doc_ids." in one)
    file = MemoryFileSystem.store[name]
    if damage == "gone":
        del MemoryFileSystem.store[name]
    else:
        file.seek(0)
        file.write(b"\x7f")

    with pytest.raises(CorruptIndexError, match=rf"^{URL}/segments/.*doc_ids.arrays is (m|d).*"):
        lsr.Index.open(URL)


def test_a_commit_that_comes_meanwhile_is_read(
    pets: lsr.Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(pets.path, URL)
    whole, n_reads = MemoryFileSystem._open, 0

    def publish_meanwhile(*arguments: Any, **settings: Any) -> Any:
        nonlocal n_reads
        n_reads += 1
        if n_reads == 2:
            _add(pets, ("c", {"crow": 1.0}))
            with pets.writer() as writer:
                assert writer.merge()
                writer.commit()
            publish(pets.path, URL, replace=True)
        return whole(*arguments, **settings)

    monkeypatch.setattr(MemoryFileSystem, "_open", publish_meanwhile)

    assert lsr.Index.open(URL).searcher.n_docs == 3


def test_a_copy_whose_files_were_lost_is_mended(pets: lsr.Index) -> None:
    publish(pets.path, URL)
    copy = lsr.Index.open(URL).path
    next((copy / "segments").glob("*.documents.*")).unlink()

    assert lsr.Index.open(URL).search({"cat": 1.0})[0].document.doc_id == "a"


def test_a_part_brings_its_own_files_only(tmp_path: Path) -> None:
    write_collection(tmp_path / "docs.jsonl", 60)
    publish(build(tmp_path / "docs.jsonl", tmp_path / "idx", 3).path, URL)
    part = parts_of(manifest_at(URL))[1]

    folder = folder_with(URL, part.manifest) / "segments"

    copied = {str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file()}
    assert copied == part.manifest.file_names()


def test_it_is_only_read(pets: lsr.Index) -> None:
    publish(pets.path, URL)

    with pytest.raises(ConfigError, match=f"^What is published at {URL} is only read; .* --force"):
        with lsr.Index.open(URL).writer():
            pass


def test_access_that_is_refused_is_told(pets: lsr.Index, monkeypatch: pytest.MonkeyPatch) -> None:
    _fail(monkeypatch, "cat_file", PermissionError("Access Denied"))

    with pytest.raises(IndexStorageError, match=f"^Access to {URL} is refused: Access Denied"):
        lsr.Index.open(URL)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("what://bucket/idx", r"Nothing is known of the protocol of 'what://bucket/idx'; name"),
        ("memory://bucket/none", r"memory://bucket/none is not an index: it has no manifest.json"),
        ("file:///no/such/folder", r"file:///no/such/folder is not an index"),
        pytest.param(
            "gs://bucket/idx",
            r"gs://bucket/idx cannot be used without a package more: .*gcsfs.*\.",
            marks=pytest.mark.skipif(bool(find_spec("gcsfs")), reason="it is installed"),
        ),
    ],
)
def test_what_is_no_index_is_told(url: str, said: str) -> None:
    assert re.match(said, command("info", "--index", url).error)


def test_a_url_names_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)

    with pytest.raises(MissingDependencyError, match=r'pip install "lsr-engine\[remote\]"'):
        lsr.Index.open(URL)


def test_commands_that_read_take_a_url(pets: lsr.Index, tmp_path: Path) -> None:
    done = [
        command("snapshot", "--index", pets.path, "--output", URL),
        command("search", "--vector", '{"cat": 1}', "--index", URL),
        command("info", "--index", URL),
        command("verify", "--index", URL),
        command("explain", "--vector", '{"cat": 1}', "a", "--index", URL),
        command("export", "qdrant", "--index", URL, "--output", tmp_path / "points"),
        command("restore", URL, "--index", tmp_path / "restored"),
    ]

    assert [one.code for one in done] == [0] * len(done), [one.stderr for one in done]
    assert "a" in done[1].stdout
    assert lsr.Index.open(tmp_path / "restored").searcher.n_docs == 2


def test_commands_that_write_name_what_publishes(tmp_path: Path) -> None:
    for arguments in (["index", "-"], ["delete", "a"], ["merge"], ["restore", "x"]):
        refused = command(*arguments, "--index", URL, cwd=tmp_path)
        assert f"publish what is in there with: lsr snapshot --index DIR --output {URL}" in (
            refused.error
        )
    assert not list(tmp_path.iterdir())
