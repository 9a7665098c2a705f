"""Random declared fields' values and filters, and a plain answer to which documents match."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from lsr.index.fields import FieldKind, Scalar, Value
from lsr.index.filters import AllOf, AnyOf, Comparison, Exists, Filter, Negation, OneOf, Operator

FIELDS = {
    "lang": FieldKind.STR,
    "year": FieldKind.INT,
    "price.eur": FieldKind.FLOAT,
    "is-open": FieldKind.BOOL,
    "topics": FieldKind.TAGS,
}

# Few distinct values, so that filters hit; quotation marks and code points of all widths.
_TEXTS = st.sampled_from(["en", "de", "EN", "it's", 'a "b"', "é", "\U0001f600", "\n", "z" * 40])
_INTS = st.one_of(st.integers(-2, 2), st.sampled_from([-(2**63), 2**63 - 1, 2**53 + 1]))
_FLOATS = st.one_of(
    st.sampled_from([-0.0, 0.0, 0.5, 1e-7, 1e16, -1.7e308, 5e-324]),
    st.floats(allow_nan=False, allow_infinity=False),
)
_SCALARS: dict[str, st.SearchStrategy[Scalar]] = {
    "lang": _TEXTS,
    "year": _INTS,
    "price.eur": _FLOATS,
    "is-open": st.booleans(),
    "topics": _TEXTS,
}
_ORDERED = ("lang", "year", "price.eur")

values_of_a_document: st.SearchStrategy[dict[str, Value]] = st.fixed_dictionaries(
    {
        name: st.none() | (st.lists(_TEXTS, min_size=1, max_size=3) if name == "topics" else some)
        for name, some in _SCALARS.items()
    }
)


@st.composite
def _conditions(draw: st.DrawFn) -> Filter:
    name = draw(st.sampled_from(list(FIELDS)))
    form = draw(st.sampled_from(["exists", "in", "compare"]))
    if form == "exists":
        return Exists(name)
    if form == "in":
        return OneOf(name, tuple(draw(st.lists(_SCALARS[name], min_size=1, max_size=3))))
    operators = list(Operator) if name in _ORDERED else [Operator.EQ]
    return Comparison(name, draw(st.sampled_from(operators)), draw(_SCALARS[name]))


def _joined(parts: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    several = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return st.one_of(parts.map(Negation), several.map(AllOf), several.map(AnyOf))


filters: st.SearchStrategy[Filter] = st.recursive(_conditions(), _joined, max_leaves=8)


def lets_through(wanted: Filter, values: Mapping[str, Value]) -> bool:
    """Say in plain Python whether a filter lets a document through."""
    match wanted:
        case AllOf(parts):
            return all(lets_through(part, values) for part in parts)
        case AnyOf(parts):
            return any(lets_through(part, values) for part in parts)
        case Negation(part):
            return not lets_through(part, values)
        case Exists(field):
            return values[field] is not None
        case OneOf(field, some):
            return any(value in some for value in _values(values[field]))
        case Comparison(field, how, bound):
            compare = _COMPARE[how]
            return any(compare(value, bound) for value in _values(values[field]))


def as_json(wanted: Filter) -> dict[str, Any]:
    """Write a filter as JSON values."""
    match wanted:
        case AllOf(parts):
            return {"and": [as_json(part) for part in parts]}
        case AnyOf(parts):
            return {"or": [as_json(part) for part in parts]}
        case Negation(part):
            return {"not": as_json(part)}
        case Exists(field):
            return {"exists": field}
        case OneOf(field, some):
            return {"field": field, "in": list(some)}
        case Comparison(field, how, bound):
            return {"field": field, how.name.lower(): bound}


_COMPARE: dict[Operator, Any] = {
    Operator.EQ: operator.eq,
    Operator.LT: operator.lt,
    Operator.LE: operator.le,
    Operator.GT: operator.gt,
    Operator.GE: operator.ge,
}


def _values(value: Value) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
