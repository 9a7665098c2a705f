"""Which document number has this id, and which id has this number?

Numbers to ids is a `StringTable`. Ids to numbers is a binary search among the sorted 64-bit hashes
of the ids, confirmed on the strings, so that opening an index builds no dictionary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from lsr.index.checked_array import CheckedArray
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

    def to_list(self) -> list[str]:
        """Return all ids, by document number."""
        return self._table.to_list()

    @staticmethod
    def to_arrays(doc_ids: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Return the arrays that `from_arrays` reads."""
        hashes = np.fromiter((_hash(one) for one in doc_ids), dtype=np.uint64, count=len(doc_ids))
        order = np.argsort(hashes, kind="stable")
        return {
            **StringTable.to_arrays("doc_id", doc_ids),
            "doc_id_hashes": hashes[order],
            "doc_id_numbers": order.astype(np.uint32),
        }

    @staticmethod
    def from_arrays(arrays: Mapping[str, CheckedArray]) -> DocIds:
        """Read the arrays that `to_arrays` made."""
        table = StringTable.from_arrays("doc_id", arrays)
        return DocIds(table, arrays["doc_id_hashes"], arrays["doc_id_numbers"])


def _hash(doc_id: str) -> int:
    return xxhash.xxh3_64_intdigest(doc_id.encode())
