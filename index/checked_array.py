"""Are the bytes about to be used those that were written? Blocks are checked before first use.

Checking a whole index would make opening it as slow as reading it. So a file keeps a checksum of
every block of 16 KB, and an array asks for those of the blocks that somebody is about to read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from lsr.errors import CorruptIndexError
from lsr.index.storage import RESTORE

BLOCK_BYTES = 1 << 14


class CheckedArray:
    """A mapped array with the checksums of its blocks.

    `values` may be read wherever `check` or `check_spans` have passed. Threads may check the same
    blocks at the same time; at worst they do it twice.

    Args:
        values: the array, one-dimensional and contiguous.
        checksums: shape (n_blocks(values.nbytes),), XXH3-64 of each block.
        path: its file, for messages.
        name: its name in the file, for messages.
        verify: False makes every check pass.
    """

    def __init__(
        self,
        values: NDArray[Any],
        checksums: NDArray[np.uint64],
        path: Path,
        name: str,
        *,
        verify: bool = True,
    ) -> None:
        self.values = values
        self._checksums = checksums
        self._path = path
        self._name = name
        self._flags = bytearray([not verify]) * checksums.size
        # The same memory for NumPy; Python reads single bytes of a bytearray much faster.
        self._is_checked = np.frombuffer(self._flags, dtype=np.bool_)
        self._block_size = BLOCK_BYTES // values.itemsize
        self._is_whole = not verify

    def __len__(self) -> int:
        return self.values.size

    def check(self, begin: int = 0, end: int | None = None) -> None:
        """Check the blocks of ``values[begin:end]``.

        Raises:
            CorruptIndexError: names the file, the array and the bytes that are damaged.
        """
        end = self.values.size if end is None else end
        if self._is_whole or begin >= end:
            return
        first, last = begin // self._block_size, (end - 1) // self._block_size
        if not all(self._flags[first : last + 1]):
            self._check_blocks(range(first, min(last + 1, len(self._flags))))

    def check_spans(self, begins: NDArray[np.int64], ends: NDArray[np.int64]) -> None:
        """Check the blocks of many spans at once, as `check` does of one.

        Args:
            begins: shape (n_spans,), first value of each span.
            ends: shape (n_spans,), one past its last value.
        """
        if self._is_whole:
            return
        is_used = begins < ends
        firsts = begins[is_used] // self._block_size
        lasts = np.minimum((ends[is_used] - 1) // self._block_size, len(self._flags) - 1)
        # Span after span, the numbers of its blocks: one or two of them, mostly.
        sizes = np.maximum(lasts - firsts + 1, 0)
        n_before = np.cumsum(sizes) - sizes
        blocks = np.repeat(firsts - n_before, sizes) + np.arange(sizes.sum())
        self._check_blocks(sorted({*blocks[~self._is_checked[blocks]].tolist()}))

    def damaged(self, what: str) -> CorruptIndexError:
        """Return the error that names the file, the array, and what of it is damaged."""
        return CorruptIndexError(f"{self._path} is damaged in {self._name}, {what}; {RESTORE}")

    def _check_blocks(self, blocks: Sequence[int]) -> None:
        content = self.values.view(np.uint8)
        for block in blocks:
            first = block * BLOCK_BYTES
            piece = content[first : first + BLOCK_BYTES]
            if xxhash.xxh3_64_intdigest(piece.data) != int(self._checksums[block]):
                raise self.damaged(f"bytes {first:,} to {first + piece.size - 1:,} of it")
            self._flags[block] = True
        if blocks:
            self._is_whole = all(self._flags)


def n_blocks(size_bytes: int) -> int:
    """Return how many blocks hold an array of `size_bytes`."""
    return -(-size_bytes // BLOCK_BYTES)
