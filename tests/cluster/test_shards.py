"""An index of shards answers as one without: documents, scores, ties, whatever is asked."""

import shutil
from pathlib import Path

import pytest

import lsr
from command import tree
from lsr.cluster.building import build_here, build_shard, finish, shards_to_build
from lsr.cluster.planning import plan_shards
from lsr.encoders import Backend
from lsr.errors import ConfigError, CorruptIndexError, DuplicateIdError, InvalidInputError
from lsr.index import make_snapshot, parts_of, shard_folder, verify_index, write_lock
from sharded_builds import build, build_whole, found, plan, write_collection

N_DOCS = 1500


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "docs.jsonl"
    write_collection(path, N_DOCS)
    return path


@pytest.fixture(scope="module")
def whole(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> lsr.Index:
    return build_whole(corpus, tmp_path_factory.mktemp("whole") / "idx")


@pytest.fixture
def seven(corpus: Path, tmp_path: Path) -> lsr.Index:
    return build(corpus, tmp_path / "seven", 7)


def _delete(index: lsr.Index, *doc_ids: str) -> None:
    with index.writer() as writer:
        for doc_id in doc_ids:
            assert writer.delete(doc_id)
        writer.commit()


@pytest.mark.parametrize("n_shards", [1, 2, 3, 7, pytest.param(32, marks=pytest.mark.slow)])
def test_sharded_equals_unsharded(n_shards: int, corpus: Path, tmp_path: Path) -> None:
    whole = build_whole(corpus, tmp_path / "whole")
    sharded = build(corpus, tmp_path / "sharded", n_shards)
    assert len(parts_of(sharded.searcher.manifest)) == n_shards

    for doc_ids in ([], [f"d{number}" for number in range(0, N_DOCS, 9)]):
        _delete(whole, *doc_ids)
        _delete(sharded, *doc_ids)
        for k, where in ((10, None), (1000, None), (10, "year >= 2010"), (1000, "year < 1995")):
            assert found(sharded, k, where) == found(whole, k, where)


def test_float_weights_are_added_in_the_same_order(corpus: Path, tmp_path: Path) -> None:
    whole = build_whole(corpus, tmp_path / "whole", weights="float32")
    sharded = build(corpus, tmp_path / "sharded", 3, weights="float32")

    assert found(sharded, 1000) == found(whole, 1000)


def test_a_shard_is_an_index_of_its_own(seven: lsr.Index) -> None:
    shard = lsr.Index.open(shard_folder(seven.path, 3))

    assert shard.searcher.n_docs == len(range(N_DOCS * 3 // 7, N_DOCS * 4 // 7))
    assert shard.searcher.doc_ids([0]) == [f"d{N_DOCS * 3 // 7}"]
    for _ in verify_index(shard.path):
        pass


def test_it_is_verified_snapped_and_merged_like_any_other(
    seven: lsr.Index, whole: lsr.Index, tmp_path: Path
) -> None:
    assert sum("shard-" in line for line in verify_index(seven.path)) == 7
    make_snapshot(seven.path, tmp_path / "snapshot")
    with seven.writer() as writer:
        assert writer.merge()
        writer.commit()

    assert not list(seven.path.glob("**/shard-*"))
    shutil.rmtree(seven.path)
    snapshot = lsr.Index.open(tmp_path / "snapshot")
    assert found(snapshot, 1000) == found(seven, 1000) == found(whole, 1000)


def test_documents_are_added_and_replaced_behind_the_shards(seven: lsr.Index) -> None:
    with seven.writer() as writer:
        writer.add({"id": "d3", "year": 2000, "vector": {"unseen": 1.0}}, update=True)
        writer.add({"id": "new", "year": 2000, "vector": {"unseen": 2.0}})
        writer.commit()

    assert [hit.doc_id for hit in seven.search({"unseen": 1.0})] == ["new", "d3"]
    *shards, added = parts_of(seven.searcher.manifest)
    assert [one.name for one in shards] == [f"shard-{number:05d}" for number in range(7)]
    assert (added.name, added.first_doc) == ("added", N_DOCS)


def test_shards_are_not_merged_unasked(corpus: Path, tmp_path: Path) -> None:
    """Eight small neighbours would be."""
    index = build(corpus, tmp_path / "idx", 9)
    _delete(index, *(f"d{number}" for number in range(N_DOCS // 9)))  # all of the first

    for number in range(9):
        with index.writer() as writer:
            writer.add({"id": f"new{number}", "year": 2000, "vector": {"t1": 1.0}})
            writer.commit()

    parts = parts_of(index.searcher.manifest)
    assert [one.name for one in parts] == [*(f"shard-{n:05d}" for n in range(1, 9)), "added"]
    assert len(parts[-1].manifest.segments) == 2


def test_shards_are_the_same_bytes_in_whatever_order_and_however_often(
    corpus: Path, tmp_path: Path, seven: lsr.Index
) -> None:
    path = tmp_path / "again"
    plan(corpus, path, 7)
    with write_lock(path):
        for number in (6, 2, 2):
            build_shard(path, number)
        half_built = shard_folder(path, 4).with_name("shard-00004.attempt-killed")
        shutil.copytree(shard_folder(path, 2), half_built)
        numbers, n_docs = shards_to_build(path)
        assert numbers == [0, 1, 3, 4, 5]
        assert n_docs == sum(N_DOCS * (n + 1) // 7 - N_DOCS * n // 7 for n in numbers)
        list(build_here(path, numbers))
        finish(path)

    assert tree(path) == tree(seven.path)


def test_a_worker_that_outlives_its_command_is_in_nobodys_way(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It writes on in its folder, which therefore cannot be removed yet."""
    path = tmp_path / "idx"
    plan(corpus, path, 2)
    attempt = shard_folder(path, 0).with_name("shard-00000.attempt-orphan")
    (attempt / "segments").mkdir(parents=True)

    def write_meanwhile(folder: Path) -> None:
        (folder / "late").touch()
        folder.rmdir()

    with write_lock(path):
        with monkeypatch.context() as patch:
            patch.setattr("lsr.cluster.building.remove_tree", write_meanwhile)
            numbers, _ = shards_to_build(path)
        assert numbers == [0, 1]
        list(build_here(path, numbers))
        finish(path)

    assert not attempt.exists()


def test_a_shard_that_fails_leaves_nothing(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan(corpus, tmp_path / "idx", 2)
    before = tree(tmp_path / "idx")

    def fail(*_: object, **__: object) -> None:
        raise InvalidInputError("The corpus has gone.")

    monkeypatch.setattr("lsr.cluster.planning.read_documents", fail)

    with pytest.raises(InvalidInputError, match="gone"):
        build_shard(tmp_path / "idx", 0)

    assert tree(tmp_path / "idx") == before


def test_a_shard_of_other_settings_is_refused(corpus: Path, tmp_path: Path) -> None:
    path = tmp_path / "idx"
    plan(corpus, path, 2)
    with write_lock(path):
        list(build_here(path, [0]))
        lsr.Index.build(shard_folder(path, 1), [("a", {"t0": 1.0})], max_weight=9.0)

        with pytest.raises(ConfigError, match=r"shard-00001 was made with max_weight 9.0.* 2\.25"):
            finish(path)


def test_a_shard_of_another_encoder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "idx"
    (tmp_path / "docs.jsonl").write_text('{"id": "a", "vector": {"t0": 1}}\n')

    def made_by(model: str, path: Path) -> lsr.Index:
        settings = {"model": model}
        return lsr.Index.create(path, encoder_settings=settings, terms=["t0"], max_weight=2.0)

    source = str(tmp_path / "docs.jsonl")
    plan_shards(
        *(made_by("bert-one", path), [source], 1),
        memory_bytes=None,
        skips_bad=False,
        backend=Backend.AUTO,
        progress={},
        count=lambda n_docs: None,
    )
    with write_lock(path):
        with made_by("bert-two", shard_folder(path, 0)).writer() as writer:
            writer.add({"id": "a", "vector": {"t0": 1.0}})
            writer.commit()

        with pytest.raises(
            ConfigError, match=r"shard-00000 was made with encoder .*bert-two.*bert-one.*--resume"
        ):
            finish(path)


def test_a_shard_that_is_gone_is_named(seven: lsr.Index) -> None:
    shutil.rmtree(shard_folder(seven.path, 5))

    with pytest.raises(CorruptIndexError, match="shard-00005"):
        lsr.Index.open(seven.path)


def test_an_id_in_two_shards_is_found_before_any_is_built(corpus: Path, tmp_path: Path) -> None:
    twice = tmp_path / "twice.jsonl"
    twice.write_text(corpus.read_text() + '{"id": "d4", "vector": {"t0": 1}}\n')

    with pytest.raises(DuplicateIdError, match=rf"jsonl:{N_DOCS + 1}: the id 'd4' .*jsonl:5"):
        plan(twice, tmp_path / "idx", 3)

    assert not (tmp_path / "idx").exists()


def test_more_shards_than_documents(tmp_path: Path) -> None:
    write_collection(tmp_path / "few.jsonl", 3)

    index = build(tmp_path / "few.jsonl", tmp_path / "idx", 5)

    assert index.searcher.doc_ids(range(3)) == ["d0", "d1", "d2"]
    assert len(parts_of(index.searcher.manifest)) == 3
