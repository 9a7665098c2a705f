"""Where are a segment's declared fields? In an array file, a column each, mapped as it lies.

Columns are cut into chunks of documents, which are coded one by one (`lsr.index.coded_column`): so
they are written as they come, and what a filter works on stays in the processor's cache. A filter
reads, and checks, the columns that it names and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.documents import Document
from lsr.errors import CorruptIndexError
from lsr.index.array_file import ArrayFileWriter, map_arrays
from lsr.index.checked_array import CheckedArray
from lsr.index.coded_column import (
    NUMBERS,
    CodedColumn,
    Values,
    coded_column,
    joined_columns,
    listed,
)
from lsr.index.fields import FieldKind, Fields, Value, document_values
from lsr.index.storage import RESTORE, FileEntry, map_file
from lsr.index.string_table import StringTable

CHUNK_DOCS = 1 << 16

_CODES = {"codes": ("|u1", "<u2", "<u4")}
_STRINGS = {**_CODES, "value_offsets": ("<u8",), "value_bytes": ("|u1",)}
_ARRAYS: dict[FieldKind, dict[str, tuple[str, ...]]] = {
    **{kind: {**_CODES, "values": (dtype,)} for kind, dtype in NUMBERS.items()},
    FieldKind.STR: _STRINGS,
    FieldKind.TAGS: {**_STRINGS, "ends": ("<u4",)},
}
"""The arrays of a column, and the types that each may have."""


class FieldColumnsWriter:
    """Write the declared fields of documents to a new file, in order.

    Args:
        path: the file.
        fields: the declared fields.
    """

    def __init__(self, path: Path, fields: Fields) -> None:
        self._fields = fields
        self._file = ArrayFileWriter(path)
        self._values: list[list[Value]] = []
        self._parts: list[list[CodedColumn]] = []
        self._n_coded = 0
        self._n_chunks = 0

    def add(self, documents: Sequence[Document]) -> None:
        """Append documents: all of them, or none when one is refused.

        Raises:
            InvalidInputError: a value is not of its field's kind.
        """
        self._values += [document_values(one, self._fields) for one in documents]
        while self._n_coded + len(self._values) >= CHUNK_DOCS:
            self._code(CHUNK_DOCS - self._n_coded)

    def copy(self, sources: Sequence[FieldColumns], rows: NDArray[np.int64]) -> None:
        """Append documents of other segments.

        Args:
            sources: columns of the same fields.
            rows: document numbers counted through all sources, in the order to append; cheapest
                when they rise.
        """
        self._code(len(self._values))
        chunks = [chunk for source in sources for chunk in source.chunks]
        starts = np.cumsum([0, *(chunk.n_docs for chunk in chunks)])
        numbers = np.searchsorted(starts, rows, side="right") - 1
        ends = np.append(np.flatnonzero(np.diff(numbers)) + 1, rows.size)
        begin = 0
        for end in ends.tolist():
            while begin < end:
                stop = min(end, begin + CHUNK_DOCS - self._n_coded)
                number = numbers[begin]
                chosen = rows[begin:stop] - starts[number]
                self._append([chunks[number].part(name, chosen) for name in self._fields])
                begin = stop

    def close(self) -> FileEntry:
        """Write what is left, sync the file, and describe it for the manifest."""
        self._code(len(self._values))
        if self._n_coded:
            self._write_chunk()
        return self._file.close()

    def abandon(self) -> None:
        """Let go of the file without finishing it."""
        self._file.abandon()

    def _code(self, n_docs: int) -> None:
        """Code the first documents that wait."""
        if n_docs:
            columns = zip(*self._values[:n_docs], strict=True)
            del self._values[:n_docs]
            kinds = self._fields.values()
            self._append([coded_column(*one) for one in zip(columns, kinds, strict=True)])

    def _append(self, part: list[CodedColumn]) -> None:
        """Append documents that a chunk has room for."""
        self._parts.append(part)
        self._n_coded += part[0].n_docs
        if self._n_coded == CHUNK_DOCS:
            self._write_chunk()

    def _write_chunk(self) -> None:
        for name, parts in zip(self._fields, zip(*self._parts, strict=True), strict=True):
            self._write(f"{self._n_chunks}/{name}/", joined_columns(parts))
        self._n_chunks += 1
        self._parts, self._n_coded = [], 0

    def _write(self, prefix: str, column: CodedColumn) -> None:
        values = column.values
        arrays = {f"{prefix}codes": column.codes.astype(np.min_scalar_type(len(values)))}
        if isinstance(values, np.ndarray):
            arrays[f"{prefix}values"] = values
        else:
            arrays |= StringTable.to_arrays(f"{prefix}value", listed(values))
        if column.ends is not None:
            arrays[f"{prefix}ends"] = column.ends
        for name, array in arrays.items():
            self._file.begin(name, array.dtype)
            self._file.append(array)


@dataclass(frozen=True, slots=True, eq=False)
class FieldChunk:
    """The fields of documents that follow each other.

    Attributes:
        n_docs: how many documents.
        arrays: all arrays of the file.
        number: the chunk's number in it.
        fields: the declared fields.
    """

    n_docs: int
    arrays: Mapping[str, CheckedArray]
    number: int
    fields: Fields

    def column(self, name: str) -> CodedColumn:
        """Return what the documents have in a field.

        Raises:
            CorruptIndexError: the column is damaged.
        """
        prefix, kind = f"{self.number}/{name}/", self.fields[name]
        if kind in NUMBERS:
            values: Values = self._checked(f"{prefix}values")
        else:
            values = StringTable.from_arrays(f"{prefix}value", self.arrays)
        ends = self._checked(f"{prefix}ends") if kind is FieldKind.TAGS else None
        return CodedColumn(values, self._checked(f"{prefix}codes"), ends)

    def part(self, name: str, rows: NDArray[np.int64]) -> CodedColumn:
        """Return what some of the documents have in a field; for all of them nothing is done."""
        column = self.column(name)
        is_all = rows.size == self.n_docs and (rows == np.arange(self.n_docs)).all()
        return column if is_all else column.take(rows)

    def is_whole(self) -> bool:
        """Say whether every array is there, of its type, and of one length where it must be."""
        for name, kind in self.fields.items():
            for what, types in _ARRAYS[kind].items():
                array = self.arrays.get(f"{self.number}/{name}/{what}")
                if array is None or array.values.dtype.str not in types:
                    return False
            by_document = "ends" if kind is FieldKind.TAGS else "codes"
            if len(self.arrays[f"{self.number}/{name}/{by_document}"]) != self.n_docs:
                return False
        return True

    def _checked(self, name: str) -> NDArray[Any]:
        array = self.arrays[name]
        array.check()
        return array.values


class FieldColumns:
    """Read the declared fields of a segment's documents, where they lie.

    Most searches have no filter, so the file is looked into when it is first asked for.

    Args:
        path: the file that a `FieldColumnsWriter` made.
        entry: the file's line in the manifest.
        fields: the declared fields.
        n_docs: documents of the segment.
        verify: False makes the checks of bytes pass.

    Raises:
        CorruptIndexError: the file is missing or has another length.
    """

    def __init__(
        self, path: Path, entry: FileEntry, fields: Fields, n_docs: int, *, verify: bool = True
    ) -> None:
        self.n_docs = n_docs
        self._path = path
        self._entry = entry
        self._fields = fields
        self._verify = verify
        self._content = map_file(path, entry.size_bytes)

    @cached_property
    def chunks(self) -> list[FieldChunk]:
        """All documents, in order.

        Raises:
            CorruptIndexError: the file is damaged, or holds other fields or documents.
        """
        arrays = map_arrays(self._path, self._content, self._entry, verify=self._verify)
        chunks = [
            FieldChunk(min(CHUNK_DOCS, self.n_docs - first), arrays, number, self._fields)
            for number, first in enumerate(range(0, self.n_docs, CHUNK_DOCS))
        ]
        n_arrays = sum(len(_ARRAYS[kind]) for kind in self._fields.values()) * len(chunks)
        if len(arrays) != n_arrays or not all(chunk.is_whole() for chunk in chunks):
            raise CorruptIndexError(
                f"{self._path} is damaged: it does not hold the declared fields of {self.n_docs:,} "
                f"documents; {RESTORE}"
            )
        return chunks
