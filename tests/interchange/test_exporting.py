"""All formats: what is refused, what is recorded, what never leaves."""

import errno
import json
from pathlib import Path

import pytest

from command import tree
from interchange import DELETED, TERMS, make_index
from lsr.errors import ConfigError, DiskFullError, InvalidInputError
from lsr.index import storage
from lsr.interchange import FORMATS, export_index
from lsr.interchange.folder import RECORD_NAME
from lsr.retrieval import Index

each_format = pytest.mark.parametrize("name", FORMATS)
TAKE_QUERIES = ["anserini", "pisa", "lsr-benchmark"]


@each_format
def test_the_record_says_how_values_become_weights(index: Index, tmp_path: Path, name: str) -> None:
    record = export_index(index, name, tmp_path / "out")

    written = json.loads((tmp_path / "out" / RECORD_NAME).read_text())
    assert written["format"] == name == record.format
    assert (written["values"], written["step"], written["scale"]) == ("impacts", 3.0 / 255, None)
    assert written["n_docs"] == 40 - len(DELETED)
    assert written["n_postings"] == record.n_postings > 40
    assert written["index"]["commit"] == index.info()["commit"]
    assert written["queries"] is None
    assert written["score"].endswith(f" * {3.0 / 255!r}")


@each_format
def test_the_same_index_gives_the_same_bytes(index: Index, tmp_path: Path, name: str) -> None:
    export_index(index, name, tmp_path / "one")
    export_index(index, name, tmp_path / "two")

    assert tree(tmp_path / "one") == tree(tmp_path / "two")


@each_format
def test_deleted_documents_never_leave(index: Index, tmp_path: Path, name: str) -> None:
    export_index(index, name, tmp_path / "out")

    content = b" ".join(tree(tmp_path / "out").values())
    assert b"d38" in content
    assert not any(doc_id.encode() in content for doc_id in ("d20", "d21", "d39"))


@each_format
def test_an_index_without_documents_makes_an_export(tmp_path: Path, name: str) -> None:
    empty = Index.create(tmp_path / "idx", terms=TERMS, encoder_settings={"model": "m"})
    with empty.writer() as writer:
        writer.commit()

    record = export_index(empty, name, tmp_path / "out")

    assert (record.n_docs, record.n_postings) == (0, 0)


@each_format
def test_progress_counts_every_document_once(index: Index, tmp_path: Path, name: str) -> None:
    told: list[int] = []

    export_index(index, name, tmp_path / "out", progress=told.append)

    assert sum(told) == index.searcher.n_docs


@pytest.mark.parametrize("name", TAKE_QUERIES)
def test_queries_are_recorded_with_their_scale(
    index: Index, tmp_path: Path, queries: Path, name: str
) -> None:
    scale = None if name == "lsr-benchmark" else 10.0

    record = export_index(index, name, tmp_path / "out", queries=queries, query_scale=scale)

    assert record.queries is not None
    assert (record.queries.n_queries, record.queries.scale) == (2, scale)
    assert float(record.score.split()[-1]) == pytest.approx(3.0 / 255 / (scale or 1.0), rel=1e-15)


@pytest.mark.parametrize("name", sorted(set(FORMATS) - set(TAKE_QUERIES)))
def test_other_formats_take_no_queries(
    index: Index, tmp_path: Path, queries: Path, name: str
) -> None:
    with pytest.raises(ConfigError, match=r"takes no file of queries.*anserini, pisa, lsr-bench"):
        export_index(index, name, tmp_path / "out", queries=queries)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("lucene", {}, "no format 'lucene'; choose one of anserini, ciff"),
        ("ciff", {"scale": 2.0}, "leave --scale out"),
        ("anserini", {"query_scale": 2.0}, "name their file with --queries"),
    ],
)
def test_settings_without_use_are_refused(
    index: Index, tmp_path: Path, name: str, settings: dict[str, float], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        export_index(index, name, tmp_path / "out", **settings)  # type: ignore[arg-type]

    assert not (tmp_path / "out").exists()


def test_queries_of_embeddings_are_not_scaled(index: Index, tmp_path: Path, queries: Path) -> None:
    with pytest.raises(ConfigError, match="leave --query-scale out"):
        export_index(index, "lsr-benchmark", tmp_path / "out", queries=queries, query_scale=2.0)


@pytest.mark.parametrize("name", ["anserini", "ciff", "pisa"])
def test_float_weights_become_whole_numbers_by_a_scale_only(
    float_index: Index, tmp_path: Path, name: str
) -> None:
    with pytest.raises(ConfigError, match="holds whole numbers, but the index holds float32"):
        export_index(float_index, name, tmp_path / "out")

    record = export_index(float_index, name, tmp_path / "out", scale=100)

    assert (record.values, record.step, record.scale) == ("rounded weights", 0.01, 100)


@pytest.mark.parametrize("name", ["elasticsearch", "opensearch"])
def test_weights_of_more_than_nine_bits_are_not_rounded_in_silence(
    float_index: Index, tmp_path: Path, name: str
) -> None:
    with pytest.raises(InvalidInputError, match=r"has 1\.1 at the term .*9 significant bits"):
        export_index(float_index, name, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []

    assert export_index(float_index, name, tmp_path / "out", scale=100).scale == 100


@pytest.mark.parametrize("name", ["anserini", "pisa"])
@pytest.mark.parametrize("term", ["two words", "a\u00a0b", "\n", ""])
def test_terms_that_are_no_words_are_refused(tmp_path: Path, name: str, term: str) -> None:
    index = Index.build(tmp_path / "idx", [("d1", {"cat": 1.0}), ("d2", {term: 1.0})])

    with pytest.raises(InvalidInputError) as refusal:
        export_index(index, name, tmp_path / "out")

    assert str(refusal.value).startswith(f"The document 'd2' has the term {term!r}, which ")
    assert not (tmp_path / "out").exists()


def test_a_bad_term_of_a_deleted_document_is_in_nobodys_way(tmp_path: Path) -> None:
    documents = [("d1", {"two words": 1.0}), *((f"e{n}", {"cat": 1.0}) for n in range(9))]
    index = Index.build(tmp_path / "idx", documents)
    with index.writer() as writer:
        writer.delete("d1")
        writer.commit()

    assert export_index(index, "anserini", tmp_path / "out").n_docs == 9


def test_a_term_of_a_query_that_is_no_word_is_refused(tmp_path: Path) -> None:
    index = Index.build(
        tmp_path / "idx", [("d1", {"cat": 1.0}), ("d2", {"two words": 1.0})], max_weight=255
    )
    with index.writer() as writer:
        writer.delete("d2")
        writer.commit()
    queries = tmp_path / "q.jsonl"
    queries.write_text('{"id": "q", "vector": {"two words": 1}}\n')

    with pytest.raises(InvalidInputError, match="The query 'q' has the term 'two words'"):
        export_index(index, "anserini", tmp_path / "out", queries=queries)


def test_an_export_is_replaced_on_demand(index: Index, tmp_path: Path) -> None:
    export_index(index, "ciff", tmp_path / "out")
    with pytest.raises(InvalidInputError, match="--force"):
        export_index(index, "anserini", tmp_path / "out")

    export_index(index, "anserini", tmp_path / "out", replace=True)

    assert set(tree(tmp_path / "out")) == {RECORD_NAME, "collection/documents.jsonl"}


@each_format
@pytest.mark.parametrize("buffer_bytes", [1, 1 << 20])
def test_a_full_disk_is_said_and_leaves_nothing(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, buffer_bytes: int
) -> None:
    def fail(file: object, content: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(storage, "BUFFER_BYTES", buffer_bytes)
    monkeypatch.setattr(storage.disk, "write", fail)

    with pytest.raises(DiskFullError, match="The disk is full"):
        export_index(index, name, tmp_path / "out")

    assert list(tmp_path.iterdir()) == []


def test_a_new_commit_is_not_awaited(tmp_path: Path) -> None:
    """What is exported is the snapshot that the index was opened on."""
    index = make_index(tmp_path / "idx", n_docs=6)
    opened = Index.open(index.path)
    with index.writer() as writer:
        writer.add(("new", {"cat": 1.0}))
        writer.commit()

    assert export_index(opened, "ciff", tmp_path / "out").n_docs == 5
