"""What did the document say? A line of JSON, among lines that are compressed together.

A batch is the unit of compression, so fetching a document reads `BATCH_DOCS` of them, not the
file. Batches are zstd frames that know nothing of each other: ``zstdcat`` shows the whole file, and
a merge repeats whole batches without decoding them, and lines without parsing them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import xxhash
from numpy.typing import NDArray

from lsr.documents import Document
from lsr.errors import CorruptIndexError, InvalidInputError
from lsr.index.checked_array import CheckedArray
from lsr.index.storage import RESTORE, FileEntry, NewFile, map_file
from lsr.zstd import ZstdCompressor, ZstdError, decompress

BATCH_DOCS = 128

_LEVEL = 1
"""Of zstd. The next ones make texts a few percent smaller in twice the time."""


class _Stored(msgspec.Struct, omit_defaults=True):
    """What a line says; where it says nothing, there is nothing."""

    id: str
    title: str = ""
    text: str = ""
    metadata: Mapping[str, Any] = {}


_DECODER = msgspec.json.Decoder(_Stored)


def document_lines(documents: Sequence[Document]) -> list[bytes]:
    """Return documents as lines of the store, without line breaks.

    Raises:
        InvalidInputError: metadata cannot be stored as JSON.
    """
    return [_line(one) for one in documents]


def encode_lines(lines: Sequence[bytes]) -> list[bytes]:
    """Compress lines in batches of `BATCH_DOCS`; only the last may have fewer."""
    compressor = ZstdCompressor(level=_LEVEL)
    batches = (lines[start : start + BATCH_DOCS] for start in range(0, len(lines), BATCH_DOCS))
    return [
        compressor.compress(b"\n".join([*batch, b""]), ZstdCompressor.FLUSH_FRAME)
        for batch in batches
    ]


class DocumentStoreWriter:
    """Write documents to a new file, in order.

    Compressing is left to the caller, who may have a thread for it: lines go through `cut` and
    `encode_lines` to `write`.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rest: list[bytes] = []
        self._file = NewFile(path)
        self._ends: list[int] = []
        self._checksums: list[int] = []

    @property
    def is_even(self) -> bool:
        """Whether all lines so far fill whole batches."""
        return not self._rest

    def cut(self, lines: Sequence[bytes]) -> list[bytes]:
        """Return the lines that are next to be encoded, and keep those that fill no batch yet."""
        waiting = [*self._rest, *lines]
        n_whole = len(waiting) - len(waiting) % BATCH_DOCS
        self._rest = waiting[n_whole:]
        return waiting[:n_whole]

    def write(self, batches: Sequence[bytes | memoryview]) -> None:
        """Append batches that are encoded."""
        for batch in batches:
            self._file.write(batch)
            self._ends.append(self._file.size_bytes)
            self._checksums.append(self._file.end_part())

    def close(self) -> FileEntry:
        """Write what is left, sync the file, and describe it for the manifest."""
        self.write(encode_lines(self._rest))
        self._rest = []
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
        self._cached_lines = lru_cache(maxsize=16)(self._batches.lines)

    def __getitem__(self, number: int) -> Document:
        batch, row = divmod(number, BATCH_DOCS)
        try:
            stored = _DECODER.decode(self._cached_lines(batch)[row])
        except (msgspec.MsgspecError, IndexError) as error:
            raise self._batches.damaged(batch) from error
        return Document(stored.id, stored.title, stored.text, stored.metadata)

    @property
    def n_batches(self) -> int:
        """Batches whose place and checksum are known."""
        return min(len(self._batches.ends), len(self._batches.checksums))

    def lines(self, number: int) -> list[bytes]:
        """Return the documents of a batch as `document_lines` made them."""
        return self._batches.lines(number)

    def encoded(self, number: int) -> NDArray[np.uint8]:
        """Return a batch as it was written."""
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
            raise self.damaged(number)
        return content

    def lines(self, number: int) -> list[bytes]:
        try:
            return decompress(self.encoded(number).data).split(b"\n")[:-1]
        except ZstdError as error:
            raise self.damaged(number) from error

    def damaged(self, number: int) -> CorruptIndexError:
        first = number * BATCH_DOCS
        return CorruptIndexError(
            f"{self.path} is damaged in the documents {first} to {first + BATCH_DOCS - 1}; "
            f"{RESTORE}"
        )


def _line(document: Document) -> bytes:
    stored = _Stored(document.doc_id, document.title, document.text, document.metadata or {})
    try:
        return msgspec.json.encode(stored)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"{document.place or document.doc_id}: the metadata cannot be stored as JSON: {error}."
        ) from error
