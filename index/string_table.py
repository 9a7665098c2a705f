"""How are many short strings stored? As UTF-8 bytes end to end, and where each begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.index.checked_array import CheckedArray


class StringTable:
    """Strings in memory-mapped arrays.

    Args:
        offsets: shape (n + 1,), where each string's bytes begin.
        content: the UTF-8 bytes of all strings, end to end.
    """

    def __init__(self, offsets: CheckedArray, content: CheckedArray) -> None:
        self._offsets = offsets
        self._content = content
        # To read single values of these, Python takes a fraction of the time.
        self._begins = offsets.values.data
        self._bytes = content.values.data

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, number: int) -> str:
        self._offsets.check(number, number + 2)
        begin, end = self._begins[number], self._begins[number + 1]
        self._content.check(begin, end)
        return self._decoded(bytes(self._bytes[begin:end]))

    def to_list(self) -> list[str]:
        """Return all strings."""
        self._offsets.check()
        self._content.check()
        content = self._content.values.tobytes()
        offsets = self._offsets.values.tolist()
        return [self._decoded(content[begin:end]) for begin, end in pairwise(offsets)]

    def _decoded(self, content: bytes) -> str:
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise self._content.damaged(f"which is not UTF-8 at {content[:20]!r}") from None

    @staticmethod
    def to_arrays(name: str, strings: Iterable[str]) -> dict[str, NDArray[Any]]:
        """Return the two arrays that `from_arrays` reads, under names that begin with `name`."""
        encoded = [string.encode() for string in strings]
        offsets = np.zeros(len(encoded) + 1, dtype=np.uint64)
        np.cumsum([len(one) for one in encoded], out=offsets[1:])
        content = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        return {f"{name}_offsets": offsets, f"{name}_bytes": content}

    @staticmethod
    def from_arrays(name: str, arrays: Mapping[str, CheckedArray]) -> StringTable:
        """Read the arrays that `to_arrays` made."""
        return StringTable(arrays[f"{name}_offsets"], arrays[f"{name}_bytes"])
