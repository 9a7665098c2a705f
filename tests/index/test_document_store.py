"""Documents are lines of JSON in zstd frames that anybody can read."""

import json
import subprocess
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsr.documents import Document
from lsr.errors import CorruptIndexError, InvalidInputError
from lsr.index.checked_array import CheckedArray
from lsr.index.document_store import (
    BATCH_DOCS,
    DocumentStore,
    DocumentStoreWriter,
    document_lines,
    encode_lines,
)
from lsr.zstd import decompress

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-9, 9) | _TEXTS,
    lambda some: st.lists(some, max_size=3) | st.dictionaries(_TEXTS, some, max_size=3),
    max_leaves=5,
)
_DOCUMENTS = st.builds(Document, _TEXTS, _TEXTS, _TEXTS, st.dictionaries(_TEXTS, _JSON, max_size=3))


def _stored(path: Path, parts: list[list[Document]]) -> DocumentStore:
    writer = DocumentStoreWriter(path)
    for part in parts:
        writer.write(encode_lines(writer.cut(document_lines(part))))
    return _closed(path, writer)


def _closed(path: Path, writer: DocumentStoreWriter) -> DocumentStore:
    writer.close()
    return _opened(path, writer)


def _opened(path: Path, writer: DocumentStoreWriter) -> DocumentStore:
    arrays = [
        CheckedArray(values, np.zeros(1, dtype=np.uint64), path, name, verify=False)
        for name, values in writer.arrays().items()
    ]
    return DocumentStore(path, path.stat().st_size, *arrays)


def _many(n_docs: int) -> list[Document]:
    return [Document(f"d{number}", text=f"text {number}\nof two lines") for number in range(n_docs)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("documents")


@given(st.lists(_DOCUMENTS, min_size=1, max_size=5))
@settings(deadline=None)
def test_documents_are_read_as_they_were_written(folder: Path, documents: list[Document]) -> None:
    store = _stored(folder / "a", [documents])

    assert [store[number] for number in range(len(documents))] == documents


@pytest.mark.parametrize("sizes", [[1], [BATCH_DOCS], [BATCH_DOCS + 1], [100, 60, 96], [300, 0, 5]])
def test_batches_are_full_but_the_last(tmp_path: Path, sizes: list[int]) -> None:
    documents = _many(sum(sizes))
    ends = np.cumsum(sizes).tolist()
    parts = [documents[end - size : end] for size, end in zip(sizes, ends, strict=True)]

    store = _stored(tmp_path / "a", parts)

    assert [store[number] for number in range(len(documents))] == documents
    found = [len(store.lines(number)) for number in range(store.n_batches)]
    assert all(size == BATCH_DOCS for size in found[:-1])
    assert sum(found) == len(documents)


def test_the_file_is_json_lines_compressed_by_zstd(tmp_path: Path) -> None:
    documents = [
        Document("a", "A title", "text", {"year": 1999}),
        Document("b"),
        *_many(BATCH_DOCS),
    ]
    _stored(tmp_path / "a.jsonl.zst", [documents])

    content = decompress((tmp_path / "a.jsonl.zst").read_bytes())

    first, second, *others = [json.loads(line) for line in content.decode().splitlines()]
    assert first == {"id": "a", "title": "A title", "text": "text", "metadata": {"year": 1999}}
    assert second == {"id": "b"}
    assert [one["text"] for one in others] == [one.text for one in documents[2:]]


@pytest.mark.skipif(which("zstdcat") is None, reason="zstd is not installed")
def test_zstdcat_reads_the_file(tmp_path: Path) -> None:
    _stored(tmp_path / "a.jsonl.zst", [_many(300)])

    shown = subprocess.run(["zstdcat", tmp_path / "a.jsonl.zst"], capture_output=True, check=True)

    assert len(shown.stdout.splitlines()) == 300


def test_a_batch_that_is_encoded_can_be_written_again(tmp_path: Path) -> None:
    source = _stored(tmp_path / "a", [_many(BATCH_DOCS)])

    writer = DocumentStoreWriter(tmp_path / "b")
    writer.write([source.encoded(0).data] * 2)
    copy = _closed(tmp_path / "b", writer)

    assert copy[5] == copy[BATCH_DOCS + 5] == source[5]


def test_damage_is_found_and_says_where(tmp_path: Path) -> None:
    path = tmp_path / "a"
    writer = DocumentStoreWriter(path)
    writer.write(encode_lines(document_lines(_many(2 * BATCH_DOCS))))
    writer.close()
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)

    store = _opened(path, writer)

    assert store[3].doc_id == "d3"
    with pytest.raises(CorruptIndexError, match="a is damaged in the documents 128 to 255; rest"):
        store[BATCH_DOCS]


@pytest.mark.parametrize(
    "content",
    [b"", b"no zstd", encode_lines([b"no json"])[0], encode_lines([b'{"text": "no id"}'])[0]],
)
def test_what_was_not_written_so_is_refused_whatever_its_checksum(
    tmp_path: Path, content: bytes
) -> None:
    writer = DocumentStoreWriter(tmp_path / "a")
    writer.write([content, b"x"])

    store = _closed(tmp_path / "a", writer)

    with pytest.raises(CorruptIndexError, match="is damaged in the documents 0 to 127"):
        store[0]


def test_metadata_that_is_no_json_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="x:3: the metadata cannot be stored as JSON"):
        document_lines([Document("a", metadata={"x": object()}, place="x:3")])
