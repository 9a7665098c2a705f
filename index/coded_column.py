"""Which value has a document in a field? It has the number of one, among the sorted values.

So a comparison is a search among the values that occur, and then one of small numbers, whatever
kind of values they are. Strings sort by code points, as UTF-8 bytes do.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.index.fields import FieldKind, Scalar, Value
from lsr.index.string_table import StringTable

Values = StringTable | list[str] | NDArray[Any]
"""Strings, mapped or in memory, or numbers."""

NUMBERS = {FieldKind.INT: "<i8", FieldKind.FLOAT: "<f8", FieldKind.BOOL: "|u1"}
"""Kinds whose values are numbers, and their types."""


@dataclass(frozen=True, slots=True, eq=False)
class CodedColumn:
    """What documents that follow each other have in a field.

    Attributes:
        values: those that occur, rising, each once.
        codes: shape (n_docs,), place of each document's value among them, from 1; 0 stands for no
            value. Of tags: shape (n_tags,), those of all documents end to end.
        ends: shape (n_docs,), where each document's tags end in `codes`; None where a document
            has one value at most.
    """

    values: Values
    codes: NDArray[Any]
    ends: NDArray[np.uint32] | None = None

    @property
    def n_docs(self) -> int:
        """Documents of the column."""
        return self.codes.size if self.ends is None else self.ends.size

    def has_value(self) -> NDArray[np.bool_]:
        """Say of each document whether it has a value."""
        return self.codes > 0 if self.ends is None else self._any_tag(self.codes > 0)

    def has_value_between(self, begin: int, end: int) -> NDArray[np.bool_]:
        """Say of each document whether it has one of ``values[begin:end]``."""
        if end - begin == 1:
            return self._any_tag(self.codes == end)
        return self._any_tag((self.codes > begin) & (self.codes <= end))

    def has_value_of(self, wanted: Iterable[Scalar]) -> NDArray[np.bool_]:
        """Say of each document whether it has one of the wanted values."""
        is_wanted = np.zeros(len(self.values) + 1, dtype=np.bool_)
        for value in wanted:
            place = bisect_left(self.values, value)
            if place < len(self.values) and self.values[place] == value:
                is_wanted[place + 1] = True
        # Clipped, as codes of a file that is opened without checks may be anything.
        return self._any_tag(is_wanted.take(self.codes, mode="clip"))

    def n_docs_of_values(self) -> NDArray[np.int64]:
        """Count the documents that have each value, shape (n_values,)."""
        codes, n_codes = self.codes, len(self.values) + 1
        if self.ends is not None:
            # A document that repeats a tag has it once.
            rows = np.repeat(np.arange(self.n_docs), np.diff(self.ends, prepend=np.uint32(0)))
            codes = np.unique(rows * n_codes + codes) % n_codes
        return np.bincount(codes, minlength=n_codes)[1:]

    def _any_tag(self, holds: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Turn what is true of codes into what is true of documents."""
        if self.ends is None:
            return holds
        # Of the tags up to the end of a document's, more hold than up to their beginning.
        n_before = np.append(np.uint32(0), np.cumsum(holds, dtype=np.uint32))
        n_up_to = n_before.take(self.ends, mode="clip")
        any_holds: NDArray[np.bool_] = n_up_to > np.append(np.uint32(0), n_up_to[:-1])
        return any_holds

    def take(self, rows: NDArray[np.int64]) -> CodedColumn:
        """Return the column of some documents, in any order, with the values that they have."""
        if self.ends is None:
            chosen, ends = rows, None
        else:
            sizes = np.diff(self.ends, prepend=np.uint32(0))[rows]
            ends = np.cumsum(sizes, dtype=np.uint32)
            moves = self.ends[rows].astype(np.int64) - ends
            chosen = np.repeat(moves, sizes) + np.arange(ends[-1] if ends.size else 0)
        codes = self.codes[chosen]
        is_used = np.zeros(len(self.values) + 1, dtype=np.bool_)
        is_used[codes] = True
        is_used[0] = False
        places = np.cumsum(is_used, dtype=np.uint32)
        return CodedColumn(_chosen(self.values, is_used[1:]), places[codes], ends)


def coded_column(values: Sequence[Value], kind: FieldKind) -> CodedColumn:
    """Code what documents have in a field of a kind."""
    if kind is FieldKind.TAGS:
        lists: list[Any] = [tags or () for tags in values]
        ends = np.cumsum([len(tags) for tags in lists], dtype=np.uint32)
        return CodedColumn(*_coded([tag for tags in lists for tag in tags]), ends)
    has_value = np.array([value is not None for value in values], dtype=np.bool_)
    found: list[Any] = [value for value in values if value is not None]
    distinct, places = _coded(np.array(found, NUMBERS[kind]) if kind in NUMBERS else found)
    codes = np.zeros(has_value.size, dtype=np.uint32)
    codes[has_value] = places
    return CodedColumn(distinct, codes)


def joined_columns(parts: Sequence[CodedColumn]) -> CodedColumn:
    """Return the column of the documents of all parts."""
    if len(parts) == 1:
        return parts[0]
    distinct, places = _coded(_end_to_end([part.values for part in parts]))
    codes, begin = [], 0
    for part in parts:
        end = begin + len(part.values)
        codes.append(np.append(np.uint32(0), places[begin:end])[part.codes])
        begin = end
    sizes = [np.diff(part.ends, prepend=np.uint32(0)) for part in parts if part.ends is not None]
    ends = np.cumsum(np.concatenate(sizes), dtype=np.uint32) if sizes else None
    return CodedColumn(distinct, np.concatenate(codes), ends)


def _coded(values: list[str] | NDArray[Any]) -> tuple[list[str] | NDArray[Any], NDArray[np.uint32]]:
    """Return the distinct values, rising, and the place of each value among them, from 1."""
    if isinstance(values, np.ndarray):
        distinct, places = np.unique(values, return_inverse=True)
        return distinct, places.astype(np.uint32) + np.uint32(1)
    # Values that rise already, as those of joined columns do in runs, are sorted in one pass.
    strings = sorted(dict.fromkeys(values))
    place = {value: number for number, value in enumerate(strings, 1)}.__getitem__
    return strings, np.fromiter(map(place, values), dtype=np.uint32, count=len(values))


def _chosen(values: Values, is_chosen: NDArray[np.bool_]) -> list[str] | NDArray[Any]:
    if isinstance(values, np.ndarray):
        return values[is_chosen]
    return list(compress(listed(values), is_chosen.tolist()))


def _end_to_end(parts: Sequence[Values]) -> list[str] | NDArray[Any]:
    arrays = [part for part in parts if isinstance(part, np.ndarray)]
    if arrays:
        return np.concatenate(arrays)
    return [value for part in parts for value in listed(part)]


def listed(values: Values) -> list[Any]:
    """Return values as a list; those of a field of booleans as 0 and 1."""
    if isinstance(values, StringTable):
        return values.to_list()
    return values.tolist() if isinstance(values, np.ndarray) else values
