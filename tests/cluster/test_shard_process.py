"""A process answers for whichever shard it is asked about, and keeps little open."""

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

import lsr
from lsr.cluster.questions import Answer, Question, floors_as_bytes
from lsr.cluster.shard_process import KEPT, ShardProcess
from lsr.errors import CorruptIndexError
from lsr.index import (
    EXACT,
    Approximation,
    Filter,
    Part,
    Rankings,
    Searcher,
    manifest_at,
    parts_of,
    publish,
)
from lsr.kernels.algorithm import Algorithm
from lsr.pruning import PruneRule
from lsr.sparse import SparseBatch
from sharded_builds import build, queries, write_collection

K = 5


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> lsr.Index:
    folder = tmp_path_factory.mktemp("shards")
    write_collection(folder / "docs.jsonl", 600)
    return build(folder / "docs.jsonl", folder / "idx", 6)


def _answer(
    process: ShardProcess,
    part: Part,
    vectors: SparseBatch,
    where: Filter | None = None,
    approximation: Approximation = EXACT,
    floor: float = 0.0,
) -> Rankings:
    question = Question.of(vectors, K, 1, where, approximation, Algorithm.AUTO)
    answer = process.answer(
        msgspec.json.encode(part.manifest),
        msgspec.msgpack.encode(question),
        floors_as_bytes(np.full(len(vectors), floor)),
    )
    return msgspec.msgpack.decode(answer, type=Answer).rankings


def _hits(rankings: Rankings) -> list[list[tuple[int, float]]]:
    return [rankings.hits(row) for row in range(len(rankings.scores))]


@pytest.mark.parametrize("where", [None, "year >= 2000 and not year in (2003, 2004)"])
@pytest.mark.parametrize("rule", [None, "top_k:2"])
def test_any_process_answers_for_any_shard(
    index: lsr.Index, where: str | None, rule: str | None
) -> None:
    vectors = SparseBatch.concatenate([index.vector_of(query) for query in queries(4)])
    wanted = None if where is None else index.parse_filter(where)
    approximation = Approximation(prune=None if rule is None else PruneRule.parse(rule))
    process = ShardProcess(str(index.path), "shard-00002")

    for part in parts_of(index.searcher.manifest):
        found = _answer(process, part, vectors, wanted, approximation)
        expected = Searcher(index.path, part.manifest).search_batch(
            vectors, K, where=wanted, approximation=approximation
        )
        assert _hits(found) == _hits(expected)

    assert len(process._open) == KEPT


def test_what_lies_at_a_url_is_searched_without_the_other_shards(
    index: lsr.Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    url = f"file://{tmp_path}/published"
    publish(index.path, url)
    part, vector = parts_of(manifest_at(url))[2], index.vector_of({"t1": 1.0})

    found = _answer(ShardProcess(url, part.name), part, vector)

    expected = Searcher(index.path, parts_of(index.searcher.manifest)[2].manifest)
    assert _hits(found) == _hits(expected.search_batch(vector, K))
    (copied,) = (tmp_path / "cache").rglob("shard-*")
    assert copied.name == part.name


def test_what_is_below_the_floor_is_left_out(index: lsr.Index) -> None:
    (part, *_), vector = parts_of(index.searcher.manifest), index.vector_of({"t1": 1.0, "t2": 2.0})
    process = ShardProcess(str(index.path), part.name)
    (best, *_, last) = _answer(process, part, vector).hits(0)
    assert best[1] > last[1]

    found = _answer(process, part, vector, floor=best[1])

    assert {score for _, score in found.hits(0)} == {best[1]}


def test_what_is_wrong_with_a_shard_is_said_when_it_is_asked(
    index: lsr.Index, tmp_path: Path
) -> None:
    copy = tmp_path / "idx"
    shutil.copytree(index.path, copy)
    shutil.rmtree(copy / "segments" / "shard-00003")
    parts, vector = parts_of(index.searcher.manifest), index.vector_of({"t1": 1.0})

    process = ShardProcess(str(copy), "shard-00003")

    assert _answer(process, parts[2], vector).hits(0)
    with pytest.raises(CorruptIndexError, match="shard-00003"):
        _answer(process, parts[3], vector)
