"""How is a set of arrays stored? One file: a header, a table of names, then the arrays.

The byte layout is drawn in docs/formats/index-v1.md. Arrays are little-endian, start at multiples
of 64 bytes, and are used where they lie: opening a file reads its table only.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import xxhash
from numpy.typing import NDArray

from lsr.errors import CorruptIndexError, FormatVersionError
from lsr.index.storage import RESTORE, checksum, map_file, write_file

MAGIC = b"LSRARRAY"
VERSION = 1
ALIGNMENT = 64
DTYPES = ("|u1", "<u2", "<u4", "<u8", "<i8")

_HEADER = struct.Struct("<8sIIQQ")
"""Magic, version, length of the table, XXH3-64 of the table, length of the file."""


class ArrayEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the table: an array's name, type, length, place and checksum."""

    name: str
    dtype: str
    length: int
    offset: int
    xxh3_64: str

    @property
    def size_bytes(self) -> int:
        """Bytes that the array takes."""
        return self.length * np.dtype(self.dtype).itemsize


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write one-dimensional arrays to a new file and sync it."""
    little = {
        name: np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        for name, array in arrays.items()
    }
    # The table's own length moves the arrays, so offsets are counted from its end first.
    entries, end = _table(little, 0)
    table_size = len(msgspec.json.encode(entries)) + 16 * len(entries)
    entries, end = _table(little, _aligned(_HEADER.size + table_size))
    table = msgspec.json.encode(entries).ljust(table_size)
    header = _HEADER.pack(MAGIC, VERSION, table_size, xxhash.xxh3_64_intdigest(table), end)
    write_file(path, _parts(header + table, entries, little))


def read_arrays(path: Path, size_bytes: int) -> dict[str, NDArray[Any]]:
    """Map the arrays of a file by name.

    Args:
        path: the file.
        size_bytes: its length, as the manifest says.

    Raises:
        CorruptIndexError: the length or the table is not what was written.
        FormatVersionError: the file was written by a newer library.
    """
    content = map_file(path, size_bytes)
    return {
        entry.name: content[entry.offset : entry.offset + entry.size_bytes].view(entry.dtype)
        for entry in _read_table(path, content)
    }


def damaged_arrays(path: Path, size_bytes: int) -> list[str]:
    """Return the names of the arrays whose bytes are not those that were written."""
    content = map_file(path, size_bytes)
    return [
        entry.name
        for entry in _read_table(path, content)
        if checksum(content[entry.offset : entry.offset + entry.size_bytes]) != entry.xxh3_64
    ]


def _read_table(path: Path, content: NDArray[np.uint8]) -> list[ArrayEntry]:
    if content.size < _HEADER.size:
        raise CorruptIndexError(f"{path} is too short to be an array file; {RESTORE}")
    header = _HEADER.unpack(content[: _HEADER.size].tobytes())
    magic, version, table_size, table_digest, end = header
    if magic != MAGIC:
        raise CorruptIndexError(f"{path} does not start as an array file does; {RESTORE}")
    if version != VERSION:
        raise FormatVersionError(
            f"{path} has format version {version}, and this library reads {VERSION}; "
            "upgrade lsr-engine or build the index again."
        )
    table = content[_HEADER.size : _HEADER.size + table_size].tobytes()
    if xxhash.xxh3_64_intdigest(table) != table_digest or end != content.size:
        raise CorruptIndexError(f"{path}: the table of arrays is damaged; {RESTORE}")
    entries = msgspec.json.decode(table, type=list[ArrayEntry])
    if any(
        entry.dtype not in DTYPES
        or entry.offset % ALIGNMENT
        or min(entry.offset, entry.length) < 0
        or entry.offset + entry.size_bytes > content.size
        for entry in entries
    ):
        raise CorruptIndexError(f"{path}: the table of arrays is impossible; {RESTORE}")
    return entries


def _table(arrays: Mapping[str, NDArray[Any]], start: int) -> tuple[list[ArrayEntry], int]:
    entries = []
    for name, array in arrays.items():
        entries.append(ArrayEntry(name, array.dtype.str, array.size, start, _array_checksum(array)))
        start = _aligned(start + array.nbytes)
    return entries, start


def _parts(
    head: bytes, entries: list[ArrayEntry], arrays: Mapping[str, NDArray[Any]]
) -> Iterator[bytes | memoryview]:
    written = len(head)
    yield head
    for entry in entries:
        yield bytes(entry.offset - written)
        yield arrays[entry.name].data
        written = entry.offset + entry.size_bytes
    yield bytes(_aligned(written) - written)


def _array_checksum(array: NDArray[Any]) -> str:
    return checksum(array.view(np.uint8))


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT
