"""What is a filter, and which documents does it let through?

A filter is a tree of conditions on declared fields. Logic is two-valued: a condition on a field in
which a document has no value is false, so its negation is true. A condition on tags holds when it
holds for any of them. Strings compare by code points, as dates written ``2026-01-31`` need.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lsr.errors import InvalidInputError
from lsr.index.field_columns import FieldColumns
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
    mask = np.zeros(columns.n_docs, dtype=np.bool_)
    first = 0
    for batch in columns.batches:
        mask[first : first + batch.num_rows] = _batch_mask(wanted, batch)
        first += batch.num_rows
    return mask


def _batch_mask(wanted: Filter, batch: pa.RecordBatch) -> NDArray[np.bool_]:
    match wanted:
        case AllOf(parts):
            return reduce(np.logical_and, (_batch_mask(part, batch) for part in parts))
        case AnyOf(parts):
            return reduce(np.logical_or, (_batch_mask(part, batch) for part in parts))
        case Negation(part):
            return ~_batch_mask(part, batch)
        case Exists(field):
            return _as_numpy(batch.column(field).is_valid())
        case _:
            return _values_mask(wanted, batch.column(wanted.field))


def _values_mask(wanted: Comparison | OneOf, column: pa.Array) -> NDArray[np.bool_]:
    if not pa.types.is_large_list(column.type):
        return _as_numpy(_compare(wanted, column))
    # Tags: does any of them hold? Then more of them hold up to the end of the list than before it.
    n_before = np.append(0, np.cumsum(_as_numpy(_compare(wanted, column.values))))
    offsets = column.offsets.to_numpy()
    any_holds: NDArray[np.bool_] = n_before[offsets[1:]] > n_before[offsets[:-1]]
    return any_holds


def _compare(wanted: Comparison | OneOf, values: pa.Array) -> pa.Array:
    # Imported where it is used: it takes as long as opening a large index.
    import pyarrow.compute as pc

    if isinstance(wanted, OneOf):
        return pc.is_in(values, pa.array(wanted.values, values.type))
    functions: dict[Operator, Any] = {
        Operator.EQ: pc.equal,
        Operator.LT: pc.less,
        Operator.LE: pc.less_equal,
        Operator.GT: pc.greater,
        Operator.GE: pc.greater_equal,
    }
    return functions[wanted.operator](values, pa.scalar(wanted.value, values.type)).fill_null(False)


def _as_numpy(mask: pa.BooleanArray) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = mask.to_numpy(zero_copy_only=False)
    return found


def _operand(part: Filter) -> str:
    return f"({part})" if isinstance(part, AllOf | AnyOf) else str(part)


def _literal(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)
