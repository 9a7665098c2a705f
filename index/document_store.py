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
import pyarrow as pa

from lsr.documents import Document
from lsr.errors import CorruptIndexError, InvalidInputError
from lsr.index.storage import RESTORE, NewFile

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
        sink = pa.PythonFile(self._file, "w")
        self._writer = pa.ipc.new_file(sink, SCHEMA, options=options)

    def add(self, documents: Sequence[Document]) -> None:
        """Append documents."""
        self._pending += documents
        while len(self._pending) >= BATCH_DOCS:
            self._write(self._pending[:BATCH_DOCS])
            del self._pending[:BATCH_DOCS]

    def close(self) -> None:
        """Write what is left and sync the file."""
        if self._pending:
            self._write(self._pending)
            self._pending = []
        self._writer.close()
        self._file.finish()

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


class DocumentStore:
    """Read documents by number, where they lie.

    Args:
        path: the file that a `DocumentStoreWriter` made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._reader = pa.ipc.open_file(pa.memory_map(str(path)))
        except (OSError, pa.ArrowInvalid) as error:
            raise CorruptIndexError(f"{path} cannot be read: {error}; {RESTORE}") from error
        if self._reader.schema != SCHEMA:
            raise CorruptIndexError(f"{path} does not hold documents; {RESTORE}")
        # A page of hits often lies in few batches.
        self._batch = lru_cache(maxsize=16)(self._read_batch)

    def __getitem__(self, number: int) -> Document:
        batch, row = divmod(number, BATCH_DOCS)
        columns = [column[row].as_py() for column in self._batch(batch).columns]
        doc_id, title, text, metadata = columns
        return Document(doc_id, title, text, msgspec.json.decode(metadata))

    def _read_batch(self, number: int) -> Any:
        try:
            return self._reader.get_batch(number)
        except (OSError, pa.ArrowInvalid) as error:
            raise CorruptIndexError(f"{self._path} cannot be read: {error}; {RESTORE}") from error


def _metadata_json(document: Document) -> str:
    try:
        return msgspec.json.encode(document.metadata).decode()
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"{document.place or document.doc_id}: the metadata cannot be stored as JSON: {error}."
        ) from error
