"""May this filter be asked of this index? It must be well-formed, and suit the declared fields.

A filter comes as text (`lsr.index.filter_text`), or as JSON values: ``{"and": [...]}``,
``{"or": [...]}``, ``{"not": {...}}``, ``{"exists": FIELD}``, and ``{"field": FIELD, ...}`` with
any of ``eq``, ``in``, ``lt``, ``le``, ``gt`` and ``ge``, all of which must hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from reprlib import repr as short_repr

import msgspec

from lsr.errors import InvalidInputError
from lsr.index.fields import FieldKind, Fields, Scalar, to_kind
from lsr.index.filter_text import filter_from_text
from lsr.index.filters import (
    AllOf,
    AnyOf,
    Comparison,
    Exists,
    Filter,
    Negation,
    OneOf,
    Operator,
    conditions_of,
    joined,
    refuse_depth,
)

MAX_FILTER_BYTES = 1 << 16
MAX_CONDITIONS = 256
"""Conditions of a filter, each of which looks at every document; "in" holds many values in one."""

_OPERATORS = {operator.name.lower(): operator for operator in Operator}


def parse_filter(source: str | Mapping[str, object] | Filter, fields: Fields) -> Filter:
    """Read a filter and hold it to the declared fields.

    Args:
        source: its text, its JSON values, or a filter that may be of other fields.
        fields: the declared fields of the index.

    Raises:
        InvalidInputError: it is malformed or too large, names a field that is not declared, or
            compares a field with a value of another kind.

    Example:
        >>> fields = {"year": FieldKind.INT, "lang": FieldKind.STR}
        >>> text = parse_filter("year >= 2020 and not lang = 'en'", fields)
        >>> new, not_english = {"field": "year", "ge": 2020}, {"not": {"field": "lang", "eq": "en"}}
        >>> text == parse_filter({"and": [new, not_english]}, fields)
        True
    """
    if isinstance(source, str):
        _refuse_size(len(source.encode(errors="replace")))
        wanted = filter_from_text(source)
    elif isinstance(source, Filter):
        wanted = source
    else:
        wanted = _from_json(_as_json(source), 0)
    if next(islice(conditions_of(wanted), MAX_CONDITIONS, None), None):
        raise InvalidInputError(
            f"The filter has more than {MAX_CONDITIONS} conditions; compare a field with many "
            "values in one: FIELD in (VALUE, VALUE, ...)."
        )
    return _checked(wanted, fields)


def _as_json(source: Mapping[str, object]) -> object:
    """Return plain JSON values, of bounded size."""
    try:
        encoded = msgspec.json.encode(source)
        values = msgspec.json.decode(encoded)
    except RecursionError:
        raise InvalidInputError("The filter is nested too deep; flatten it.") from None
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"The filter cannot be written as JSON ({error}); use strings, numbers, true, false, "
            "lists and objects."
        ) from None
    _refuse_size(len(encoded))
    return values


def _from_json(source: object, depth: int) -> Filter:
    refuse_depth(depth)
    match source:
        case {"and": [_, *_] as parts, **rest} if not rest:
            return joined(AllOf, [_from_json(part, depth + 1) for part in parts])
        case {"or": [_, *_] as parts, **rest} if not rest:
            return joined(AnyOf, [_from_json(part, depth + 1) for part in parts])
        case {"not": part, **rest} if not rest:
            return Negation(_from_json(part, depth + 1))
        case {"exists": str(field), **rest} if not rest:
            return Exists(field)
        case {"field": str(field), **rest} if rest:
            return joined(AllOf, [_condition(field, name, rest[name]) for name in rest])
    raise InvalidInputError(
        f"The filter holds {short_repr(source)} where one of these belongs: "
        '{"and": [...]}, {"or": [...]}, {"not": {...}}, {"exists": FIELD}, '
        '{"field": FIELD, "eq": VALUE}, {"field": FIELD, "in": [VALUE, ...]}, '
        '{"field": FIELD, "ge": VALUE, "lt": VALUE}.'
    )


def _condition(field: str, name: object, value: object) -> Filter:
    if name == "in" and isinstance(value, list) and value:
        values = tuple(one for one in value if isinstance(one, Scalar))
        if len(values) == len(value):
            return OneOf(field, values)
    if name in _OPERATORS and isinstance(value, Scalar):
        return Comparison(field, _OPERATORS[name], value)
    raise InvalidInputError(
        f"The filter asks {short_repr(field)} for {short_repr({name: value})}, which is none of "
        'the conditions eq, lt, le, gt, ge with a value and "in" with a list of values.'
    )


def _checked(wanted: Filter, fields: Fields) -> Filter:
    """Return the filter with every value as its field's kind is stored."""
    match wanted:
        case AllOf(parts):
            return AllOf(tuple(_checked(part, fields) for part in parts))
        case AnyOf(parts):
            return AnyOf(tuple(_checked(part, fields) for part in parts))
        case Negation(part):
            return Negation(_checked(part, fields))
    kind = _declared_kind(wanted.field, fields)
    match wanted:
        case Comparison(field, operator, value):
            if operator is not Operator.EQ and kind in (FieldKind.BOOL, FieldKind.TAGS):
                raise InvalidInputError(
                    f"The filter orders the field {field!r} by {operator}, but it is {kind}, "
                    "which has no order; use = or in."
                )
            return Comparison(field, operator, _checked_value(value, field, kind))
        case OneOf(field, values):
            return OneOf(field, tuple(_checked_value(one, field, kind) for one in values))
    return wanted


def _declared_kind(name: str, fields: Fields) -> FieldKind:
    if name not in fields:
        declared = ", ".join(f"{one} ({kind})" for one, kind in fields.items()) or "none"
        raise InvalidInputError(
            f"The filter names the field {short_repr(name)}, which the index does not declare; it "
            f"declares {declared}. Fields are declared when an index is made: --field NAME:KIND."
        )
    return fields[name]


def _checked_value(value: Scalar, field: str, kind: FieldKind) -> Scalar:
    of_one = FieldKind.STR if kind is FieldKind.TAGS else kind
    try:
        found = to_kind(value, of_one)
    except ValueError:
        raise InvalidInputError(
            f"The filter compares the field {field!r} with {short_repr(value)}, but it is {kind}; "
            f"compare it with {of_one.meaning}."
        ) from None
    if not isinstance(found, Scalar):
        raise InvalidInputError(
            f"The filter compares the field {field!r} with an empty text, which is no value; "
            f"write not exists({field}) to find documents without one."
        )
    return found


def _refuse_size(n_bytes: int) -> None:
    if n_bytes > MAX_FILTER_BYTES:
        raise InvalidInputError(
            f"The filter has {n_bytes:,} bytes, but may have {MAX_FILTER_BYTES:,}; shorten it."
        )
