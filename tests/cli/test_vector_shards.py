"""A folder of vectors holds whole shards only, whenever its writer is killed or its disk fails."""

import errno
import shutil
import signal
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from child import in_child
from command import tree
from faulty_disk import CountingDisk, FailingDisk, KillingDisk, disk_replaced
from lsr.cli import vector_shards
from lsr.cli.vector_shards import ShardWriter, folder_to_write
from lsr.corpus.vector_folder import is_vector_folder, read_vector_folder
from lsr.errors import DiskFullError
from lsr.index.storage import Disk
from word_encoder import WORDS, WordEncoder

TEXTS = [" ".join(WORDS[: 1 + number % len(WORDS)]) for number in range(8)]
IDS = [f"d{number}" for number in range(8)]
ENCODER = WordEncoder()


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus of eight documents, three to a shard."""
    monkeypatch.setattr(vector_shards, "SHARD_DOCS", 3)
    (tmp_path / "c.jsonl").write_text("any\n")
    return tmp_path / "c.jsonl"


def _write(corpus: Path, path: Path, disk: Disk, pipe: int = 0) -> None:
    """Write all vectors that are not there yet, two documents at a time."""
    with disk_replaced(disk):
        folder = folder_to_write(path, str(corpus), ENCODER, resume=path.exists())
        writer = ShardWriter(path, folder, ENCODER.tokens)
        for start in range(folder.n_docs, 8, 2):
            span = slice(start, start + 2)
            writer.write(IDS[span], ENCODER.encode_documents(TEXTS[span]))
        writer.finish()


def _assert_only_whole_shards(path: Path) -> None:
    found = sorted(path.glob("part-*.parquet"))
    assert [one.name for one in found] == [f"part-{n:05}.parquet" for n in range(len(found))]
    ids = [doc_id for one in found for doc_id in pq.read_table(one)["id"].to_pylist()]
    assert ids == IDS[: len(ids)]
    if is_vector_folder(path):
        assert len(found) - len(read_vector_folder(path).shards) in (0, 1)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_kill_at_any_operation_leaves_whole_shards_to_go_on_from(
    corpus: Path, tmp_path: Path
) -> None:
    counting = CountingDisk()
    _write(corpus, tmp_path / "straight", counting)
    expected = tree(tmp_path / "straight")
    assert len(expected) == 4
    points = [(number, False) for number in range(counting.n_operations)]
    points += [(n, True) for n, one in enumerate(counting.operations) if one == "write"]

    kept = set()
    for number, is_torn in points:
        path = tmp_path / "killed"
        disk = KillingDisk(number, is_torn=is_torn)
        _, ended = in_child(partial(_write, corpus, path, disk))
        assert ended == -signal.SIGKILL
        _assert_only_whole_shards(path)
        if is_vector_folder(path):
            kept.add(read_vector_folder(path).n_docs)

        _write(corpus, path, Disk())

        assert tree(path) == expected
        shutil.rmtree(path)
    assert kept == {0, 3, 6, 8}


@pytest.mark.parametrize("operation", ["write", "sync", "rename"])
def test_a_failing_disk_leaves_whole_shards_to_go_on_from(
    corpus: Path, tmp_path: Path, operation: str
) -> None:
    path = tmp_path / "vectors"
    disk = FailingDisk(3, frozenset({operation}), errno.ENOSPC, is_lasting=True)

    with pytest.raises(DiskFullError, match=r"vectors"):
        _write(corpus, path, disk)

    _assert_only_whole_shards(path)
    assert read_vector_folder(path).n_docs == 3
    _write(corpus, path, Disk())
    _write(corpus, tmp_path / "straight", Disk())
    assert tree(path) == tree(tmp_path / "straight")


def test_a_complete_folder_stays_as_it_is(corpus: Path, tmp_path: Path) -> None:
    _write(corpus, tmp_path / "vectors", Disk())
    before = tree(tmp_path / "vectors")

    _write(corpus, tmp_path / "vectors", Disk())

    assert tree(tmp_path / "vectors") == before


def test_a_folder_of_something_else_is_left_alone(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").write_bytes(b"meow")

    with pytest.raises(ValueError, match="photos holds something else than vectors"):
        _write(corpus, tmp_path / "photos", Disk())

    assert tree(tmp_path / "photos") == {"cat.png": b"meow"}
