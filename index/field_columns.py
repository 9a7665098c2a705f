"""Where are a segment's declared fields? In an Arrow file, a column each, mapped as it lies.

Rows follow local document numbers; null stands for no value. The file is not compressed, so a
filter reads the columns that it names from the page cache and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lsr.documents import Document
from lsr.errors import CorruptIndexError
from lsr.index.fields import FieldKind, Fields, Value, document_values
from lsr.index.storage import RESTORE, FileEntry, NewFile, checksum, map_file

BATCH_DOCS = 1 << 16
"""Rows of a record batch: few enough that a filter's intermediate results stay in the cache."""

ARROW_TYPES = {
    FieldKind.STR: pa.large_string(),
    FieldKind.INT: pa.int64(),
    FieldKind.FLOAT: pa.float64(),
    FieldKind.BOOL: pa.bool_(),
    FieldKind.TAGS: pa.large_list(pa.large_string()),
}


class FieldColumnsWriter:
    """Write the declared fields of documents to a new file, in order.

    Args:
        path: the file.
        fields: the declared fields.
    """

    def __init__(self, path: Path, fields: Fields) -> None:
        self._fields = fields
        self._schema = _schema(fields)
        self._pending: list[list[Value]] = []
        self._file = NewFile(path)
        self._writer = pa.ipc.new_file(pa.PythonFile(self._file, "w"), self._schema)

    def add(self, documents: Sequence[Document]) -> None:
        """Append documents: all of them, or none when one is refused.

        Raises:
            InvalidInputError: a value is not of its field's kind.
        """
        self._pending += [document_values(one, self._fields) for one in documents]
        while len(self._pending) >= BATCH_DOCS:
            self._write_pending(BATCH_DOCS)

    def copy(self, sources: Sequence[FieldColumns], rows: NDArray[np.int64]) -> None:
        """Append documents of other segments, batch by batch.

        Args:
            sources: columns of the same fields.
            rows: document numbers counted through all sources, in the order to append; cheapest
                when they rise.
        """
        self._write_pending(len(self._pending))
        batches = [batch for source in sources for batch in source.batches]
        table = pa.Table.from_batches(batches, self._schema)
        for start in range(0, rows.size, BATCH_DOCS):
            chosen = rows[start : start + BATCH_DOCS]
            first, last = int(chosen.min()), int(chosen.max())
            # `take` may gather every chunk of the table that it is given, so give it a part.
            part = table.slice(first, last - first + 1).take(pa.array(chosen - first))
            for batch in part.to_batches():
                self._writer.write_batch(batch)

    def close(self) -> FileEntry:
        """Write what is left, sync the file, and describe it for the manifest."""
        self._write_pending(len(self._pending))
        self._writer.close()
        return self._file.finish()

    def abandon(self) -> None:
        """Let go of the file without finishing it."""
        self._file.abandon()

    def _write_pending(self, n_rows: int) -> None:
        if n_rows == 0:
            return
        columns = zip(*self._pending[:n_rows], strict=True)
        arrays = [
            pa.array(column, kind) for column, kind in zip(columns, self._schema.types, strict=True)
        ]
        del self._pending[:n_rows]
        self._writer.write_batch(pa.record_batch(arrays, schema=self._schema))


class FieldColumns:
    """Read the declared fields of a segment's documents, where they lie.

    Most searches have no filter, so the bytes are checked when they are first asked for.

    Args:
        path: the file that a `FieldColumnsWriter` made.
        entry: the file's line in the manifest.
        fields: the declared fields.
        n_docs: documents of the segment.
        verify: compare the checksum; False looks only at what could make Arrow read elsewhere.

    Raises:
        CorruptIndexError: the file is missing or has another length.
    """

    def __init__(
        self, path: Path, entry: FileEntry, fields: Fields, n_docs: int, *, verify: bool = True
    ) -> None:
        self.n_docs = n_docs
        self._path = path
        self._checksum = entry.xxh3_64
        self._fields = fields
        self._verify = verify
        self._content = map_file(path, entry.size_bytes)

    @cached_property
    def batches(self) -> list[pa.RecordBatch]:
        """The columns of all documents, in runs of documents.

        Raises:
            CorruptIndexError: the file is damaged, or holds other fields or documents.
        """
        if self._verify and checksum(self._content) != self._checksum:
            raise self._damaged("its checksum is not the one that was written")
        try:
            reader = pa.ipc.open_file(pa.py_buffer(self._content))
            batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
            for batch in batches if not self._verify else []:
                batch.validate(full=True)
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(str(error)) from error
        if reader.schema != _schema(self._fields):
            raise self._damaged("it does not hold the declared fields")
        found = sum(batch.num_rows for batch in batches)
        if found != self.n_docs:
            raise self._damaged(f"it has {found:,} rows where {self.n_docs:,} belong")
        return batches

    def _damaged(self, reason: str) -> CorruptIndexError:
        return CorruptIndexError(f"{self._path} is damaged: {reason}; {RESTORE}")


def _schema(fields: Fields) -> pa.Schema:
    return pa.schema([(name, ARROW_TYPES[kind]) for name, kind in fields.items()])
