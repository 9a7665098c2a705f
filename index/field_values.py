"""Which values do the declared fields hold, and how often? What a reader can choose from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lsr.index.coded_column import CodedColumn, listed
from lsr.index.fields import FieldKind, Scalar
from lsr.index.searcher import Searcher


@dataclass(frozen=True, slots=True)
class FieldSummary:
    """What the documents of a snapshot hold in a field.

    Attributes:
        name: of the field.
        kind: of its values.
        n_docs: documents that have a value.
        smallest: least number; None where there is none, and for other kinds.
        largest: greatest number; None likewise.
        n_distinct: different values; of tags, different tags. None for numbers.
        most_frequent: (value, documents) pairs, most documents first, ties in the order of the
            values; empty for numbers.
    """

    name: str
    kind: FieldKind
    n_docs: int
    smallest: int | float | None = None
    largest: int | float | None = None
    n_distinct: int | None = None
    most_frequent: Sequence[tuple[Scalar, int]] = ()


def summarized_fields(searcher: Searcher, n_values: int) -> list[FieldSummary]:
    """Read all values of all declared fields, deleted documents left out.

    Takes time in proportion to the documents, and memory to the different values of one field.

    Args:
        searcher: the snapshot.
        n_values: most frequent values to name.

    Raises:
        CorruptIndexError: a file of fields is damaged.
    """
    return [
        _of_numbers(name, kind, searcher)
        if kind in (FieldKind.INT, FieldKind.FLOAT)
        else _of_names(name, kind, searcher, n_values)
        for name, kind in searcher.manifest.fields.items()
    ]


def _of_numbers(name: str, kind: FieldKind, searcher: Searcher) -> FieldSummary:
    n_docs = 0
    ends: list[int | float] = []
    for column in _live_columns(searcher, name):
        n_docs += int(column.has_value().sum())
        values = listed(column.values)
        ends += [*values[:1], *values[-1:]]
    return FieldSummary(
        name, kind, n_docs, smallest=min(ends, default=None), largest=max(ends, default=None)
    )


def _of_names(name: str, kind: FieldKind, searcher: Searcher, n_values: int) -> FieldSummary:
    n_docs = 0
    counts: dict[Scalar, int] = {}
    for column in _live_columns(searcher, name):
        n_docs += int(column.has_value().sum())
        for stored, count in zip(listed(column.values), column.n_docs_of_values(), strict=True):
            value = bool(stored) if kind is FieldKind.BOOL else stored
            counts[value] = counts.get(value, 0) + int(count)
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return FieldSummary(name, kind, n_docs, n_distinct=len(counts), most_frequent=ranked[:n_values])


def _live_columns(searcher: Searcher, name: str) -> Iterator[CodedColumn]:
    """Yield a field's values in the documents that are not deleted, run by run."""
    for segment in searcher.segments:
        if segment.columns is None:
            continue
        is_live = segment.live_mask()
        start = 0
        for chunk in segment.columns.chunks:
            end = start + chunk.n_docs
            yield chunk.part(name, np.flatnonzero(is_live[start:end]))
            start = end
