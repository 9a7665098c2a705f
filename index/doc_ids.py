"""Which document number has this id, and which id has this number?

Numbers to ids is a `StringTable`. Ids to numbers is a binary search among the sorted 64-bit hashes
of the ids, confirmed on the strings, so that opening an index builds no dictionary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import xxhash
from numpy.typing import NDArray

from lsr.index.array_file import ArrayFileWriter
from lsr.index.checked_array import CheckedArray
from lsr.index.storage import FileEntry
from lsr.index.string_table import StringTable


class DocIds:
    """The ids of a segment's documents.

    Args:
        table: id of each local document number.
        hashes: shape (n_docs,), rising.
        numbers: shape (n_docs,), document number of each hash; rising among equal hashes.
    """

    def __init__(self, table: StringTable, hashes: CheckedArray, numbers: CheckedArray) -> None:
        self._table = table
        self._hashes = hashes
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._table)

    @property
    def n_hashes(self) -> int:
        """Entries by which ids can be looked up; one a document when the arrays are whole."""
        return min(len(self._hashes), len(self._numbers))

    def __getitem__(self, number: int) -> str:
        return self._table[number]

    def number(self, doc_id: str) -> int | None:
        """Return the local document number of an id, or None."""
        self._hashes.check()
        self._numbers.check()
        hashes, numbers = self._hashes.values, self._numbers.values
        key = np.uint64(_hash(doc_id))
        place = int(np.searchsorted(hashes, key))
        while place < hashes.size and hashes[place] == key:
            number = int(numbers[place])
            # Unverified numbers may be anything.
            if number < len(self._table) and self._table[number] == doc_id:
                return number
            place += 1
        return None

    def find(self, doc_ids: Sequence[str], hashes: NDArray[np.uint64]) -> dict[int, int]:
        """Look up many ids and return the local document number of each row that is found.

        Args:
            doc_ids: the ids.
            hashes: what `hash_ids` makes of them.
        """
        self._hashes.check()
        stored = self._hashes.values
        if stored.size == 0:
            return {}
        places = np.minimum(hash_places(stored, hashes), stored.size - 1)
        found = {}
        for row in np.flatnonzero(stored[places] == hashes).tolist():
            number = self.number(doc_ids[row])
            if number is not None:
                found[row] = number
        return found

    def to_list(self) -> list[str]:
        """Return all ids, by document number."""
        return self._table.to_list()

    @staticmethod
    def from_arrays(arrays: Mapping[str, CheckedArray]) -> DocIds:
        """Read the arrays that a `DocIdsWriter` made."""
        table = StringTable.from_arrays("doc_id", arrays)
        return DocIds(table, arrays["doc_id_hashes"], arrays["doc_id_numbers"])


class DocIdsWriter:
    """Write the ids of a new segment to a file of their own, in order.

    Ids go to the file as they come; a few bytes of each stay in memory until `close`.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._file = ArrayFileWriter(path)
        self._file.begin("doc_id_bytes", np.uint8)
        self._lengths: list[NDArray[np.uint32]] = []
        self._hashes: list[NDArray[np.uint64]] = []

    def add(self, doc_ids: Sequence[str], hashes: NDArray[np.uint64]) -> None:
        """Append ids with their hashes."""
        encoded = [one.encode() for one in doc_ids]
        lengths = np.fromiter(map(len, encoded), dtype=np.uint32, count=len(encoded))
        self.add_encoded(np.frombuffer(b"".join(encoded), dtype=np.uint8), lengths, hashes)

    def add_encoded(
        self, content: NDArray[np.uint8], lengths: NDArray[np.uint32], hashes: NDArray[np.uint64]
    ) -> None:
        """Append ids as their bytes end to end, how many each has, and their hashes."""
        self._file.append(content)
        self._lengths.append(lengths)
        self._hashes.append(hashes)

    def close(self) -> FileEntry:
        """Write what looks the ids up, sync the file, and describe it for the manifest."""
        self._file.begin("doc_id_offsets", np.uint64)
        self._file.append(np.zeros(1, dtype=np.uint64))
        end = np.uint64(0)
        for lengths in self._lengths:
            ends = end + np.cumsum(lengths, dtype=np.uint64)
            self._file.append(ends)
            end = ends[-1] if ends.size else end
        hashes = np.concatenate([np.zeros(0, dtype=np.uint64), *self._hashes])
        self._lengths, self._hashes = [], []
        order = np.argsort(hashes, kind="stable")
        self._file.begin("doc_id_hashes", np.uint64)
        self._file.append(hashes[order])
        self._file.begin("doc_id_numbers", np.uint32)
        self._file.append(order.astype(np.uint32))
        return self._file.close()

    def abandon(self) -> None:
        """Let go of the file without finishing it."""
        self._file.abandon()


def hash_ids(doc_ids: Sequence[str]) -> NDArray[np.uint64]:
    """Return the XXH3-64 of each id."""
    return np.fromiter(map(_hash, doc_ids), dtype=np.uint64, count=len(doc_ids))


def hash_places(stored: NDArray[np.uint64], hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return what ``np.searchsorted(stored, hashes)`` does, sooner: neighbours share the way."""
    order = np.argsort(hashes)
    places = np.empty(hashes.size, dtype=np.int64)
    places[order] = np.searchsorted(stored, hashes[order])
    return places


def _hash(doc_id: str) -> int:
    return xxhash.xxh3_64_intdigest(doc_id.encode())
