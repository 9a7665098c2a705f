"""A service sees what is published at a URL after it was started."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

import lsr
from lsr.cli.following import followed
from lsr.index import publish, read_manifest

URL = "memory://bucket/pets"


@pytest.fixture
def pets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[lsr.Index]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    index = lsr.Index.build(tmp_path / "pets", [("a", {"cat": 2.0})])
    publish(index.path, URL)
    yield index
    MemoryFileSystem.store.clear()


def test_folders_and_copies_are_served_and_a_new_commit_comes(
    pets: lsr.Index, caplog: pytest.LogCaptureFixture
) -> None:
    with followed([str(pets.path), URL], look_s=0.001) as (folder, copy):
        assert folder == pets.path
        with pets.writer() as writer:
            writer.add(("b", {"dog": 1.0}))
            writer.commit()
        publish(pets.path, URL, replace=True)
        until = time.monotonic() + 30
        while read_manifest(copy).commit == 1:
            assert time.monotonic() < until

        MemoryFileSystem.store.clear()
        while "What was read before is served on" not in caplog.text:
            assert time.monotonic() < until

    assert lsr.Index.open(copy).searcher.n_docs == 2
