"""What did the document say? Titles, texts and metadata, in compressed Arrow record batches.

A batch is the unit of compression, so fetching a document reads `BATCH_DOCS` of them, not the
file; and any Arrow library can read a segment's documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

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


class DocumentStoreWriter:
    """Write documents to a new file, in order.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pending: list[Document] = []
        self._file = NewFile(path)
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        self._writer = pa.ipc.new_file(pa.PythonFile(self._file, "w"), SCHEMA, options=options)
        self._ends: list[int] = []
        self._checksums: list[int] = []

    def add(self, documents: Sequence[Document]) -> None:
        """Append documents."""
        self._pending += documents
        while len(self._pending) >= BATCH_DOCS:
            self._write(self._pending[:BATCH_DOCS])
            del self._pending[:BATCH_DOCS]

    def close(self) -> FileEntry:
        """Write what is left, sync the file, and describe it for the manifest."""
        if self._pending:
            self._write(self._pending)
            self._pending = []
        self._writer.close()
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

    def _write(self, documents: Sequence[Document]) -> None:
        columns = [
            pa.array([one.doc_id for one in documents], pa.large_string()),
            pa.array([one.title for one in documents], pa.large_string()),
            pa.array([one.text for one in documents], pa.large_string()),
            pa.array([_metadata_json(one) for one in documents], pa.large_string()),
        ]
        self._writer.write_batch(pa.record_batch(columns, schema=SCHEMA))
        self._ends.append(self._file.tell())
        self._checksums.append(self._file.end_part())


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
        self._path = path
        self._content = map_file(path, size_bytes)
        self._ends = ends
        self._checksums = checksums
        # A page of hits often lies in few batches.
        self._batch = lru_cache(maxsize=16)(self._read_batch)

    def __getitem__(self, number: int) -> Document:
        batch, row = divmod(number, BATCH_DOCS)
        columns = [column[row].as_py() for column in self._batch(batch).columns]
        doc_id, title, text, metadata = columns
        return Document(doc_id, title, text, msgspec.json.decode(metadata))

    @property
    def n_batches(self) -> int:
        """Batches whose place and checksum are known."""
        return min(len(self._ends), len(self._checksums))

    def _read_batch(self, number: int) -> Any:
        self._ends.check(max(0, number - 1), number + 1)
        self._checksums.check(number, number + 1)
        begin = int(self._ends.values[number - 1]) if number else 0
        content = self._content[begin : int(self._ends.values[number])]
        if xxhash.xxh3_64_intdigest(content.data) != int(self._checksums.values[number]):
            first = number * BATCH_DOCS
            raise CorruptIndexError(
                f"{self._path} is damaged in the documents {first} to {first + BATCH_DOCS - 1}; "
                f"{RESTORE}"
            )
        try:
            if number == 0:
                # Arrow's magic and the schema come before the first batch.
                return pa.ipc.open_stream(pa.py_buffer(content[8:])).read_next_batch()
            return pa.ipc.read_record_batch(pa.py_buffer(content), SCHEMA)
        except (OSError, pa.ArrowException) as error:
            raise CorruptIndexError(f"{self._path} cannot be read: {error}; {RESTORE}") from error


def _metadata_json(document: Document) -> str:
    try:
        return msgspec.json.encode(document.metadata).decode()
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"{document.place or document.doc_id}: the metadata cannot be stored as JSON: {error}."
        ) from error
