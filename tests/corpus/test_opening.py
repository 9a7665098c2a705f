import gzip
import io
import sys
import tracemalloc
from collections.abc import Callable

import pytest

from corpora import Skim, Write
from lsr.corpus import corpus_size, read_documents
from lsr.errors import InvalidInputError, LsrError
from lsr.zstd import compress

LINES = "".join(f'{{"id": "{n}", "text": "text {n}"}}\n' for n in range(2000)).encode()


def _ids(source: str) -> list[str]:
    return [document.doc_id for batch in read_documents(source) for document in batch.documents]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("c.jsonl", LINES),
        ("c.jsonl.gz", gzip.compress(LINES)),
        ("C.JSONL.GZ", gzip.compress(LINES)),
        ("c.jsonl.gz", gzip.compress(LINES[:5001]) + gzip.compress(LINES[5001:])),
        ("c.jsonl.zst", compress(LINES)),
        ("c.jsonl.zst", compress(LINES[:5001]) + compress(LINES[5001:])),
    ],
    ids=["plain", "gzip", "upper case", "two gzip members", "zstd", "two zstd frames"],
)
def test_reads_plain_and_compressed_files(write: Write, name: str, data: bytes) -> None:
    assert _ids(write(name, data)) == [str(n) for n in range(2000)]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("c.jsonl.gz", gzip.compress(LINES)[:-9]),
        ("c.jsonl.gz", gzip.compress(LINES)[:3000]),
        ("c.jsonl.gz", gzip.compress(LINES)[:-6] + b"\0" * 6),
        ("c.jsonl.gz", LINES),
        ("c.jsonl.zst", compress(LINES)[:-1]),
        ("c.jsonl.zst", compress(LINES) + b"more"),
        ("c.jsonl.zst", gzip.compress(LINES)),
    ],
    ids=[
        *("short gzip", "half gzip", "gzip checksum", "not gzip"),
        *("short zstd", "zstd and more", "not zstd"),
    ],
)
def test_damaged_compression_is_never_skipped(write: Write, name: str, data: bytes) -> None:
    path = write(name, data)
    skipped: list[LsrError] = []

    with pytest.raises(InvalidInputError, match="data are damaged or cut short") as caught:
        list(read_documents(path, skip_bad=skipped.append))

    assert str(caught.value).startswith(path)
    assert not skipped


@pytest.mark.parametrize(
    ("name", "pack"), [("bomb.jsonl.gz", gzip.compress), ("bomb.jsonl.zst", compress)]
)
def test_a_bomb_is_refused_without_unpacking_it(
    write: Write, name: str, pack: Callable[[bytes], bytes]
) -> None:
    path = write(name, pack(b" " * (10 << 20)) * 30)
    tracemalloc.start()

    with pytest.raises(InvalidInputError, match=r"bomb\.jsonl\.\w+:1: the line is longer than 64"):
        _ids(path)

    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 80 << 20


def test_reads_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbf" + LINES)))

    batches = list(read_documents("-"))

    assert batches[0].documents[1].place == "stdin:2"
    assert len(batches[0].documents) == 2000
    assert corpus_size("-") is None


def test_empty_standard_input_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))

    with pytest.raises(InvalidInputError, match="Standard input holds no documents"):
        list(read_documents("-"))


def test_a_document_of_ten_megabytes_is_read(write: Write, skim: Skim) -> None:
    documents, messages = skim(write("c.jsonl", f'{{"id": "1", "text": "{"wing " * 2_000_000}"}}'))

    assert len(documents[0].text) == 10_000_000
    assert not messages
