"""What is a filter, and which documents does it let through?

A filter is a tree of conditions on declared fields. Logic is two-valued: a condition on a field in
which a document has no value is false, so its negation is true. A condition on tags holds when it
holds for any of them. Strings compare by code points, as dates written ``2026-01-31`` need.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from lsr.errors import InvalidInputError
from lsr.index.coded_column import CodedColumn
from lsr.index.field_columns import FieldChunk, FieldColumns
from lsr.index.fields import Scalar

MAX_DEPTH = 64
"""Levels of nesting, so that nobody who walks a filter runs out of stack: parentheses and "not" in
the text form, objects in JSON."""


class Operator(StrEnum):
    """How a comparison compares, as written in the text form; JSON has the names in lower case."""

    EQ = "="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="


@dataclass(frozen=True, slots=True)
class Comparison:
    """The field's value compares with `value` as the operator says."""

    field: str
    operator: Operator
    value: Scalar

    def __str__(self) -> str:
        return f"{self.field} {self.operator} {_literal(self.value)}"


@dataclass(frozen=True, slots=True)
class OneOf:
    """The field's value is one of `values`."""

    field: str
    values: tuple[Scalar, ...]

    def __str__(self) -> str:
        return f"{self.field} in ({', '.join(map(_literal, self.values))})"


@dataclass(frozen=True, slots=True)
class Exists:
    """The field has a value."""

    field: str

    def __str__(self) -> str:
        return f"exists({self.field})"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds; there are two or more."""

    parts: tuple[Filter, ...]

    def __str__(self) -> str:
        return " and ".join(map(_operand, self.parts))


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds; there are two or more."""

    parts: tuple[Filter, ...]

    def __str__(self) -> str:
        return " or ".join(map(_operand, self.parts))


@dataclass(frozen=True, slots=True)
class Negation:
    """The part does not hold."""

    part: Filter

    def __str__(self) -> str:
        return f"not {_operand(self.part)}"


Condition = Comparison | OneOf | Exists
Filter = Condition | AllOf | AnyOf | Negation
"""``str`` of a filter is its text form, which `parse_filter` reads back."""


def joined(kind: type[AllOf] | type[AnyOf], parts: Sequence[Filter]) -> Filter:
    """Return `parts` joined by `kind`, or the only one as it is."""
    return parts[0] if len(parts) == 1 else kind(tuple(parts))


def refuse_depth(depth: int) -> None:
    """Refuse to read a filter further down than `MAX_DEPTH`.

    Raises:
        InvalidInputError: `depth` is beyond it.
    """
    if depth > MAX_DEPTH:
        raise InvalidInputError(f"The filter is nested deeper than {MAX_DEPTH} levels; flatten it.")


def conditions_of(wanted: Filter) -> Iterator[Condition]:
    """Yield the conditions of a filter, in order."""
    match wanted:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from conditions_of(part)
        case Negation(part):
            yield from conditions_of(part)
        case _:
            yield wanted


def matching(wanted: Filter, columns: FieldColumns) -> NDArray[np.bool_]:
    """Say of each document whether the filter lets it through, shape (n_docs,).

    Args:
        wanted: checked against the fields of `columns` (`parse_filter` does).
        columns: declared fields of a segment's documents.
    """
    masks = [_chunk_mask(wanted, chunk) for chunk in columns.chunks]
    return np.concatenate([np.zeros(0, dtype=np.bool_), *masks])


def _chunk_mask(wanted: Filter, chunk: FieldChunk) -> NDArray[np.bool_]:
    match wanted:
        case AllOf(parts):
            return reduce(np.logical_and, (_chunk_mask(part, chunk) for part in parts))
        case AnyOf(parts):
            return reduce(np.logical_or, (_chunk_mask(part, chunk) for part in parts))
        case Negation(part):
            return ~_chunk_mask(part, chunk)
        case Exists(field):
            return chunk.column(field).has_value()
        case OneOf(field, values):
            return chunk.column(field).has_value_of(values)
        case Comparison(field, operator, value):
            column = chunk.column(field)
            return column.has_value_between(*_places(column, operator, value))


def _places(column: CodedColumn, operator: Operator, value: Scalar) -> tuple[int, int]:
    """Return where the values that compare as they should begin and end among those that occur."""
    match operator:
        case Operator.EQ:
            return bisect_left(column.values, value), bisect_right(column.values, value)
        case Operator.LT:
            return 0, bisect_left(column.values, value)
        case Operator.LE:
            return 0, bisect_right(column.values, value)
        case Operator.GT:
            return bisect_right(column.values, value), len(column.values)
        case Operator.GE:
            return bisect_left(column.values, value), len(column.values)


def _operand(part: Filter) -> str:
    return f"({part})" if isinstance(part, AllOf | AnyOf) else str(part)


def _literal(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)
