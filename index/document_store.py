"""What did the document say? Titles, texts and metadata, in compressed Arrow record batches.

A batch is the unit of compression, so fetching a document reads `BATCH_DOCS` of them, not the
file. The batches form an Arrow stream, which any Arrow library can read, and in which a merge can
repeat a whole batch without decoding it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from lsr.documents import Document
from lsr.errors import CorruptIndexError, InvalidInputError
from lsr.index.checked_array import CheckedArray
from lsr.index.storage import RESTORE, FileEntry, NewFile, map_file

BATCH_DOCS = 128
SCHEMA = pa.schema(
    [
        ("doc_id", pa.large_string()),
        ("title", pa.large_string()),
        ("text", pa.large_string()),
        ("metadata", pa.large_string()),
    ]
)

_OPTIONS = pa.ipc.IpcWriteOptions(compression="zstd")
_END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"
"""How an Arrow stream says that no batch follows."""


def document_rows(documents: Sequence[Document]) -> pa.RecordBatch:
    """Return documents as rows of the store.

    Raises:
        InvalidInputError: metadata cannot be stored as JSON.
    """
    columns = [
        pa.array([one.doc_id for one in documents], pa.large_string()),
        pa.array([one.title for one in documents], pa.large_string()),
        pa.array([one.text for one in documents], pa.large_string()),
        pa.array([_metadata_json(one) for one in documents], pa.large_string()),
    ]
    return pa.record_batch(columns, schema=SCHEMA)


def encode_rows(rows: pa.RecordBatch) -> list[memoryview]:
    """Compress rows in batches of `BATCH_DOCS`; only the last may have fewer."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, SCHEMA, options=_OPTIONS) as writer:
        # The schema goes out with the first batch, so let that one be empty.
        ends: list[int] = []
        for start in (0, *range(0, rows.num_rows, BATCH_DOCS)):
            writer.write_batch(rows.slice(start, BATCH_DOCS if ends else 0))
            ends.append(sink.tell())
    content = memoryview(sink.getvalue())
    return [content[begin:end] for begin, end in pairwise(ends)]


class DocumentStoreWriter:
    """Write documents to a new file, in order.

    Compressing is left to the caller, who may have a thread for it: rows go through `cut` and
    `encode_rows` to `write`.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rest: list[pa.RecordBatch] = []
        self._file = NewFile(path)
        self._file.write(SCHEMA.serialize())
        self._ends: list[int] = []
        self._checksums: list[int] = []

    @property
    def is_even(self) -> bool:
        """Whether all rows so far fill whole batches."""
        return not self._rest

    def cut(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows that are next to be encoded, and keep those that fill no batch yet."""
        rows = _joined([*self._rest, rows])
        n_whole = rows.num_rows - rows.num_rows % BATCH_DOCS
        self._rest = [rows.slice(n_whole)] if n_whole < rows.num_rows else []
        return rows.slice(0, n_whole)

    def write(self, batches: Sequence[memoryview]) -> None:
        """Append batches that are encoded."""
        for batch in batches:
            self._file.write(batch)
            self._ends.append(self._file.size_bytes)
            self._checksums.append(self._file.end_part())

    def close(self) -> FileEntry:
        """Write what is left, sync the file, and describe it for the manifest."""
        if self._rest:
            self.write(encode_rows(_joined(self._rest)))
            self._rest = []
        self._file.write(_END_OF_STREAM)
        return self._file.finish()

    def arrays(self) -> dict[str, NDArray[np.uint64]]:
        """Return the arrays that `DocumentStore` needs beside a file that is closed."""
        return {
            "document_ends": np.array(self._ends, dtype=np.uint64),
            "document_checksums": np.array(self._checksums, dtype=np.uint64),
        }

    def abandon(self) -> None:
        """Let go of the file without finishing it."""
        self._file.abandon()


class DocumentStore:
    """Read documents by number, where they lie.

    Each batch is compared with its checksum when it is read.

    Args:
        path: the file that a `DocumentStoreWriter` made.
        size_bytes: its length.
        ends: where each batch ends; the first begins with the file.
        checksums: XXH3-64 of each batch.
    """

    def __init__(
        self, path: Path, size_bytes: int, ends: CheckedArray, checksums: CheckedArray
    ) -> None:
        self._batches = _Batches(path, map_file(path, size_bytes), ends, checksums)
        # A page of hits often lies in few batches. The cache must not refer to the store: a cycle
        # would keep the file's disk space after the last reader has gone.
        self._cached_rows = lru_cache(maxsize=16)(self._batches.rows)

    def __getitem__(self, number: int) -> Document:
        batch, row = divmod(number, BATCH_DOCS)
        columns = [column[row].as_py() for column in self._cached_rows(batch).columns]
        doc_id, title, text, metadata = columns
        return Document(doc_id, title, text, msgspec.json.decode(metadata))

    @property
    def n_batches(self) -> int:
        """Batches whose place and checksum are known."""
        return min(len(self._batches.ends), len(self._batches.checksums))

    def rows(self, number: int) -> pa.RecordBatch:
        """Return the documents of a batch as rows."""
        return self._batches.rows(number)

    def encoded(self, number: int) -> NDArray[np.uint8]:
        """Return a batch as it was written; the first one carries the schema too."""
        return self._batches.encoded(number)


@dataclass(frozen=True, slots=True, eq=False)
class _Batches:
    path: Path
    content: NDArray[np.uint8]
    ends: CheckedArray
    checksums: CheckedArray

    def encoded(self, number: int) -> NDArray[np.uint8]:
        self.ends.check(max(0, number - 1), number + 1)
        self.checksums.check(number, number + 1)
        begin = int(self.ends.values[number - 1]) if number else 0
        content = self.content[begin : int(self.ends.values[number])]
        if xxhash.xxh3_64_intdigest(content.data) != int(self.checksums.values[number]):
            first = number * BATCH_DOCS
            raise CorruptIndexError(
                f"{self.path} is damaged in the documents {first} to {first + BATCH_DOCS - 1}; "
                f"{RESTORE}"
            )
        return content

    def rows(self, number: int) -> pa.RecordBatch:
        content = self.encoded(number)
        try:
            if number == 0:
                return pa.ipc.open_stream(pa.py_buffer(content)).read_next_batch()
            return pa.ipc.read_record_batch(pa.py_buffer(content), SCHEMA)
        except (OSError, pa.ArrowException) as error:
            raise CorruptIndexError(f"{self.path} cannot be read: {error}; {RESTORE}") from error


def _joined(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    return pa.Table.from_batches(batches, SCHEMA).combine_chunks().to_batches()[0]


def _metadata_json(document: Document) -> str:
    if not document.metadata:
        return "{}"
    try:
        return msgspec.json.encode(document.metadata).decode()
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"{document.place or document.doc_id}: the metadata cannot be stored as JSON: {error}."
        ) from error
