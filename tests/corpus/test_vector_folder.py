import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lsr.corpus import corpus_size, corpus_state, embedded_encoder_settings, read_documents
from lsr.corpus.vector_file import VectorFileWriter
from lsr.errors import InvalidInputError
from lsr.sparse import SparseBatch

SETTINGS = {"model": "words", "max_length": 256}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two shards of two documents and of one, and a file that belongs to neither."""
    path = tmp_path / "vectors"
    path.mkdir()
    shards = []
    for number, ids in enumerate([["a", "b"], ["c"], ["left", "over"]]):
        file = path / f"part-{number:05}.parquet"
        with VectorFileWriter(file, ["ant", "bee"], SETTINGS) as writer:
            vectors = SparseBatch.from_rows([[(number % 2, 1.0 + at)] for at in range(len(ids))], 2)
            writer.write(ids, vectors)
        shards.append({"name": file.name, "n_docs": len(ids), "size_bytes": file.stat().st_size})
    manifest = {
        **{"version": 1, "encoder": SETTINGS, "fingerprint": "f", "source": "corpus.jsonl"},
        **{"source_state": "5 bytes", "shards": shards[:2], "is_complete": True},
    }
    (path / "vectors.json").write_text(json.dumps(manifest))
    return path


def test_shards_are_read_in_order_and_nothing_else(folder: Path) -> None:
    batches = list(read_documents(folder))

    rows = [
        (document.doc_id, row[0].tolist(), row[1].tolist(), batch.vocabulary)
        for batch in batches
        if batch.vectors is not None
        for document, row in zip(batch.documents, batch.vectors.rows(), strict=True)
    ]
    names = ["ant", "bee"]
    assert rows == [
        ("a", [0], [1.0], names),
        ("b", [0], [2.0], names),
        ("c", [1], [1.0], names),
    ]
    assert batches[1].documents[0].place == f"{folder}/part-00001.parquet: row 1"


def test_the_folder_says_its_size_encoder_and_state(folder: Path) -> None:
    before = corpus_state(folder)

    assert corpus_size(folder) == 3
    assert embedded_encoder_settings(folder) == SETTINGS
    (folder / "vectors.json").touch()
    assert corpus_state(folder) != before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"is_complete": False}, "only the first 3 documents of corpus.jsonl; finish it with"),
        ({"version": 2}, "has format version 2, and this library reads 1; upgrade lsr-engine"),
        ({"colour": "red"}, "vectors.json cannot be read"),
        (
            {"shards": [{"name": "../x.parquet", "n_docs": 1, "size_bytes": 1}]},
            "vectors.json cannot be read",
        ),
        (
            {"shards": [{"name": "part-00000.parquet", "n_docs": 2, "size_bytes": 7}]},
            "bytes where 7 were written",
        ),
        (
            {"shards": [{"name": "part-00009.parquet", "n_docs": 2, "size_bytes": 7}]},
            "part-00009.parquet has 0 bytes where 7 were written",
        ),
    ],
)
@pytest.mark.parametrize(
    "read", [lambda path: list(read_documents(path)), corpus_size, embedded_encoder_settings]
)
def test_what_is_damaged_or_unfinished_is_refused(
    folder: Path, change: dict[str, Any], message: str, read: Callable[[Path], object]
) -> None:
    file = folder / "vectors.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))

    with pytest.raises(InvalidInputError, match=message):
        read(folder)


@pytest.mark.parametrize("name", ["c.jsonl", "c.tsv", "c.jsonl.gz", "corpus"])
def test_lines_are_counted_where_that_is_asked_for(tmp_path: Path, name: str) -> None:
    import gzip

    path = tmp_path / name
    content = b'{"id": "a"}\n{"id": "b"}\n\n'
    if name == "corpus":
        path.mkdir()
        (path / "corpus.jsonl").write_bytes(content)
    else:
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)

    assert corpus_size(path) is None
    assert corpus_size(path, count=True) == 3


def test_records_of_several_lines_are_not_counted(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text('id,text\na,"two\nlines"\n')

    assert corpus_size(tmp_path / "c.csv", count=True) is None
