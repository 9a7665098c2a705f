"""Shards are compared with what they are shards of."""

from pathlib import Path

import pytest

import lsr
from lsr.corpus import read_queries
from lsr.errors import InvalidInputError
from lsr.eval.bench.shards import bench_shards
from sharded_builds import build, build_whole, write_collection

N_DOCS = 900


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shards")
    write_collection(path / "docs.jsonl", N_DOCS)
    write_collection(path / "queries.jsonl", 20, seed=5)
    build_whole(path / "docs.jsonl", path / "one")
    build(path / "docs.jsonl", path / "three", 3)
    return path


def test_equal_answers_and_work_are_counted(folder: Path) -> None:
    result = bench_shards(
        [folder / "one", folder / "three"],
        read_queries(str(folder / "queries.jsonl")),
        [10, 2 * N_DOCS],
        n_queries=12,
        n_processors=2,
        where="year > 1990",
    )

    one, three, *_ = result.rows
    assert (one.n_shards, three.n_shards) == (1, 3)
    assert [row.n_other for row in result.rows] == [0, 0, 0, 0]
    # So few documents are searched exhaustively, whether or not it is known what others have found.
    assert one.together == one.apart > 0
    assert three.together == three.apart > 0
    assert "12 queries" in result.as_table()


def test_other_answers_are_counted(folder: Path, tmp_path: Path) -> None:
    documents = [(f"d{n}", {"t0": 1.0, "t1": 1.0 + n % 7}) for n in range(N_DOCS)]
    lsr.Index.build(tmp_path / "other", documents)
    lsr.Index.build(tmp_path / "fewer", documents[1:])
    asked = read_queries(str(folder / "queries.jsonl"))

    result = bench_shards(
        [folder / "one", tmp_path / "other"], asked, [10], n_queries=5, n_processors=1
    )

    assert [row.n_other for row in result.rows] == [0, 5]
    with pytest.raises(InvalidInputError, match="do not hold the same documents"):
        bench_shards([folder / "one", tmp_path / "fewer"], asked, [10], n_queries=5, n_processors=1)
