"""Which ids came in since the last segment was closed? Hashes say, and packed texts confirm it.

Millions of ids may wait for the end of a segment, so they are kept as bytes: 12 for the hash and
the number of a document, and its id and place compressed beside those of its neighbours, which are
much alike. Runs of sorted hashes are joined as they grow, so that there are never many to search.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from lsr.documents import Document
from lsr.index.doc_ids import hash_places
from lsr.zstd import compress, decompress

_LEVEL = 1
"""Of zstd: the fastest, as ids wait here for minutes."""


class RecentIds:
    """The ids of the documents of a segment that is being written, by document number."""

    def __init__(self) -> None:
        self.n_docs = 0
        self.size_bytes = 0
        self._runs: list[tuple[NDArray[np.uint64], NDArray[np.uint32]]] = []
        self._firsts: list[int] = []
        self._packed: list[bytes] = []
        self._unpacked = lru_cache(maxsize=2)(self._unpack)

    def add(self, documents: Sequence[Document], hashes: NDArray[np.uint64]) -> None:
        """Append documents whose ids are not here yet."""
        names = [[one.doc_id for one in documents], [one.place for one in documents]]
        raw = msgspec.msgpack.encode(names)
        packed = compress(raw, _LEVEL)
        self._firsts.append(self.n_docs)
        self._packed.append(packed)
        numbers = np.arange(self.n_docs, self.n_docs + len(documents), dtype=np.uint32)
        self.n_docs += len(documents)
        self.size_bytes += len(packed) + 12 * len(documents)
        run = _sorted_run(hashes, numbers)
        while self._runs and self._runs[-1][0].size < 2 * run[0].size:
            before = self._runs.pop()
            run = _sorted_run(
                np.concatenate([before[0], run[0]]), np.concatenate([before[1], run[1]])
            )
        self._runs.append(run)

    def find(self, doc_ids: Sequence[str], hashes: NDArray[np.uint64]) -> dict[int, int]:
        """Look up many ids and return the document number of each row that is found."""
        found = {}
        for stored, numbers in self._runs:
            begins = hash_places(stored, hashes)
            is_hit = stored[np.minimum(begins, stored.size - 1)] == hashes
            for row in np.flatnonzero(is_hit).tolist():
                end = int(np.searchsorted(stored, hashes[row], side="right"))
                for number in numbers[begins[row] : end].tolist():
                    if self._name(number)[0] == doc_ids[row]:
                        found[row] = number
        return found

    def place(self, number: int) -> str:
        """Return where a document was read."""
        return self._name(number)[1]

    def _name(self, number: int) -> tuple[str, str]:
        batch = bisect_right(self._firsts, number) - 1
        doc_ids, places = self._unpacked(batch)
        row = number - self._firsts[batch]
        return doc_ids[row], places[row]

    def _unpack(self, batch: int) -> tuple[list[str], list[str]]:
        raw = decompress(self._packed[batch])
        return msgspec.msgpack.decode(raw, type=tuple[list[str], list[str]])


def _sorted_run(
    hashes: NDArray[np.uint64], numbers: NDArray[np.uint32]
) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    order = np.argsort(hashes)
    return hashes[order], numbers[order]
