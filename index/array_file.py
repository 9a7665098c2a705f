"""How is a set of arrays stored? One file: a header, the arrays, their checksums, a table of names.

The byte layout is drawn in docs/formats/index-v2.md. Arrays are little-endian, start at multiples
of 64 bytes, and are used where they lie: opening a file reads its tail only. The table comes last,
so that an array may grow piece by piece without its length being known.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import xxhash
from numpy.typing import DTypeLike, NDArray

from lsr.errors import CorruptIndexError, FormatVersionError
from lsr.index.checked_array import BLOCK_BYTES, CheckedArray, n_blocks
from lsr.index.storage import RESTORE, FileEntry, NewFile, map_file

MAGIC = b"LSRARRAY"
VERSION = 1
ALIGNMENT = 64
DTYPES = ("|u1", "<u2", "<u4", "<u8", "<i8", "<f4", "<f8")

_HEADER = struct.Struct("<8sQ")
"""Magic and version."""

_FOOTER = struct.Struct("<QQQ")
"""Offset and number of the checksums, which the table follows; XXH3-64 of the header and of all
from the checksums on."""


class ArrayEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the table: an array's name, type, length and place."""

    name: str
    dtype: str
    length: int
    offset: int

    @property
    def size_bytes(self) -> int:
        """Bytes that the array takes."""
        return self.length * np.dtype(self.dtype).itemsize


class ArrayFileWriter:
    """Write one-dimensional arrays to a new file, one after the other, each piece by piece.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = NewFile(path)
        self._file.write(_HEADER.pack(MAGIC, VERSION))
        self._entries: list[ArrayEntry] = []
        self._begun: ArrayEntry | None = None
        self._checksums = array("Q")

    def begin(self, name: str, dtype: DTypeLike) -> None:
        """Start the next array."""
        self._end_array()
        self._file.write(bytes(-self._file.size_bytes % ALIGNMENT))
        self._file.end_part()
        little = np.dtype(dtype).newbyteorder("<")
        self._begun = ArrayEntry(name, little.str, 0, self._file.size_bytes)

    def append(self, values: NDArray[Any]) -> None:
        """Append values, of the array's own type, to the array begun last."""
        if self._begun is None:
            raise ValueError("append comes after begin")
        little = values.astype(self._begun.dtype, order="C", casting="equiv", copy=False)
        content = little.view(np.uint8).data
        while content:
            # At most up to the end of the block that was begun.
            written = self._file.size_bytes - self._begun.offset
            size = self._file.write(content[: BLOCK_BYTES - written % BLOCK_BYTES])
            content = content[size:]
            if (written + size) % BLOCK_BYTES == 0:
                self._checksums.append(self._file.end_part())

    def close(self) -> FileEntry:
        """Write checksums and table, sync the file, and describe it for the manifest."""
        self._end_array()
        self._file.write(bytes(-self._file.size_bytes % ALIGNMENT))
        start = self._file.size_bytes
        checksums = np.array(self._checksums, dtype="<u8").tobytes()
        counts = struct.pack("<QQ", start, len(self._checksums))
        tail = checksums + msgspec.json.encode(self._entries) + counts
        digest = xxhash.xxh3_64_intdigest(_HEADER.pack(MAGIC, VERSION) + tail)
        self._file.write(tail + struct.pack("<Q", digest))
        return msgspec.structs.replace(self._file.finish(), seal=_seal(digest))

    def abandon(self) -> None:
        """Let go of the file without finishing it."""
        self._file.abandon()

    def _end_array(self) -> None:
        if self._begun is None:
            return
        size_bytes = self._file.size_bytes - self._begun.offset
        if size_bytes % BLOCK_BYTES:
            self._checksums.append(self._file.end_part())
        length = size_bytes // np.dtype(self._begun.dtype).itemsize
        self._entries.append(msgspec.structs.replace(self._begun, length=length))
        self._begun = None


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> FileEntry:
    """Write whole arrays to a new file, sync it, and describe it for the manifest."""
    writer = ArrayFileWriter(path)
    try:
        for name, values in arrays.items():
            writer.begin(name, values.dtype)
            writer.append(values)
        return writer.close()
    finally:
        writer.abandon()


def open_arrays(path: Path, entry: FileEntry, *, verify: bool = True) -> dict[str, CheckedArray]:
    """Map the arrays of a file by name, each to be checked before it is used.

    Args:
        path: the file.
        entry: its line in the manifest.
        verify: False makes every check pass.

    Raises:
        CorruptIndexError: the length, the checksums or the table are not what was written.
        FormatVersionError: the file was written by another version of the format.
    """
    return map_arrays(path, map_file(path, entry.size_bytes), entry, verify=verify)


def map_arrays(
    path: Path, content: NDArray[np.uint8], entry: FileEntry, *, verify: bool = True
) -> dict[str, CheckedArray]:
    """Do what `open_arrays` does with a file that is mapped already."""
    checksums, table = _read_tail(path, content, entry.seal)
    ends = np.cumsum([n_blocks(one.size_bytes) for one in table]).tolist()
    return {
        one.name: CheckedArray(
            content[one.offset : one.offset + one.size_bytes].view(one.dtype),
            checksums[end - n_blocks(one.size_bytes) : end],
            path,
            one.name,
            verify=verify,
        )
        for one, end in zip(table, ends, strict=True)
    }


def read_arrays(path: Path, entry: FileEntry, *, verify: bool = True) -> dict[str, NDArray[Any]]:
    """Map the arrays of a file by name, having checked all of them; see `open_arrays`."""
    arrays = open_arrays(path, entry, verify=verify)
    for one in arrays.values():
        one.check()
    return {name: one.values for name, one in arrays.items()}


def _read_tail(
    path: Path, content: NDArray[np.uint8], seal: str | None
) -> tuple[NDArray[np.uint64], list[ArrayEntry]]:
    """Return the checksums of all blocks and the table of arrays."""
    if content.size < _HEADER.size + _FOOTER.size:
        raise CorruptIndexError(f"{path} is too short to be an array file; {RESTORE}")
    header = content[: _HEADER.size].tobytes()
    magic, version = _HEADER.unpack(header)
    if magic != MAGIC:
        raise CorruptIndexError(f"{path} does not start as an array file does; {RESTORE}")
    if version != VERSION:
        raise FormatVersionError(
            f"{path} has format version {version}, and this library reads {VERSION}; "
            "upgrade lsr-engine or build the index again."
        )
    start, n_checksums, digest = _FOOTER.unpack(content[-_FOOTER.size :].tobytes())
    tail = content[min(start, content.size) : -8].tobytes()
    if xxhash.xxh3_64_intdigest(header + tail) != digest:
        raise CorruptIndexError(f"{path}: the table of arrays is damaged; {RESTORE}")
    if _seal(digest) != seal:
        raise CorruptIndexError(f"{path} is another file than the one that was written; {RESTORE}")
    table = tail[n_checksums * 8 : -16]
    try:
        entries = msgspec.json.decode(table, type=list[ArrayEntry])
        checksums = np.frombuffer(tail, dtype="<u8", count=n_checksums)
        is_possible = all(_is_possible(entry, start) for entry in entries) and n_checksums == sum(
            n_blocks(entry.size_bytes) for entry in entries
        )
    except (msgspec.MsgspecError, ValueError):
        is_possible = False
    if not is_possible:
        raise CorruptIndexError(f"{path}: the table of arrays is impossible; {RESTORE}")
    return checksums, entries


def _seal(digest: int) -> str:
    return f"{digest:016x}"


def _is_possible(entry: ArrayEntry, end: int) -> bool:
    """Say whether an array may be used where its line says that it lies."""
    return (
        entry.dtype in DTYPES
        and entry.offset % ALIGNMENT == 0
        and min(entry.offset, entry.length) >= 0
        and entry.offset + entry.size_bytes <= end
    )
