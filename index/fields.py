"""Which metadata can a filter name? The fields that the index declares, each of one kind.

Fields are declared when an index is made (``{"year": "int"}``), and every value is held to its
field's kind from then on, in documents and in filters. Missing, null, an empty text and an empty
list are one and the same: no value. A text that spells a number, true or false is one for a field
of that kind, because CSV can say it in no other way.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from reprlib import repr as short_repr

from lsr.documents import ID_FIELDS, TEXT_FIELDS, Document
from lsr.errors import InvalidInputError

NAME_PATTERN = r"[^\W\d][\w.-]*"
"""Names that the text form of a filter can carry without quotation marks."""

RESERVED_WORDS = frozenset({"and", "or", "not", "in", "exists", "true", "false"})
"""Words of the text form of a filter."""

_STORED_APART = frozenset({*ID_FIELDS, "title", *TEXT_FIELDS, "vector"})
_SPELLED_INT = re.compile(r"[+-]?[0-9]{1,19}")
_SPELLED_FLOAT = re.compile(r"[+-]?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,4})?")
_SPELLED_BOOL = {"true": True, "false": False}

Scalar = str | int | float | bool
Value = Scalar | list[str] | None
"""What a document has in a field; None where it has nothing."""


class FieldKind(StrEnum):
    """What values a field holds.

    Dates are strings: written as ``2026-01-31`` they sort as they should.
    """

    STR = "str"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    TAGS = "tags"

    @property
    def meaning(self) -> str:
        """The kind in words, for messages."""
        return _MEANINGS[self]


_MEANINGS = {
    FieldKind.STR: "a string",
    FieldKind.INT: "a whole number of up to 64 bits",
    FieldKind.FLOAT: "a finite number",
    FieldKind.BOOL: "true or false",
    FieldKind.TAGS: "a list of strings",
}

Fields = Mapping[str, FieldKind]
"""The declared fields of an index, in order."""


def parse_declarations(declarations: Iterable[str]) -> dict[str, FieldKind]:
    """Read declarations such as ``year:int``.

    Raises:
        InvalidInputError: a declaration has no colon, or `checked_fields` refuses it.
    """
    kinds: dict[str, str] = {}
    for declaration in declarations:
        name, colon, kind = declaration.rpartition(":")
        if not colon:
            raise InvalidInputError(
                f"The field {declaration!r} has no kind; write it as NAME:KIND, for example "
                f"{declaration}:str, with one of the kinds {', '.join(FieldKind)}."
            )
        if name in kinds:
            raise InvalidInputError(f"The field {name!r} is declared twice; declare it once.")
        kinds[name] = kind
    return checked_fields(kinds)


def checked_fields(kinds: Mapping[str, str]) -> dict[str, FieldKind]:
    """Return the fields that a ``{name: kind}`` mapping declares.

    Raises:
        InvalidInputError: a kind is unknown, a filter could not write the name, or the name is of
            the id or the text, which are not metadata.
    """
    fields = {}
    for name, kind in kinds.items():
        if name in _STORED_APART:
            raise InvalidInputError(
                f"The field {name!r} is part of every document and not metadata, so it cannot be "
                "declared; copy it to a field of another name to filter by it."
            )
        if not re.fullmatch(NAME_PATTERN, name) or name.lower() in RESERVED_WORDS:
            raise InvalidInputError(
                f"The field name {name!r} cannot be written in a filter; rename the field: a "
                "letter or _, then letters, digits, _ . and -, and none of the words "
                f"{', '.join(sorted(RESERVED_WORDS))}."
            )
        if kind not in list(FieldKind):
            raise InvalidInputError(
                f"The field {name!r} has the unknown kind {kind!r}; the kinds are "
                f"{', '.join(FieldKind)}."
            )
        fields[name] = FieldKind(kind)
    return fields


def document_values(document: Document, fields: Fields) -> list[Value]:
    """Return what a document has in each field.

    Raises:
        InvalidInputError: a value is not of its field's kind.
    """
    values = []
    for name, kind in fields.items():
        found = document.metadata.get(name)
        try:
            values.append(to_kind(found, kind))
        except ValueError:
            raise InvalidInputError(
                f"{document.place or document.doc_id}: the field {name!r} is "
                f"{short_repr(found)}, but the index declares it as {kind}, {kind.meaning}; "
                "correct it or leave it out."
            ) from None
    return values


def to_kind(value: object, kind: FieldKind) -> Value:
    """Return `value` as its kind is stored, None when it is no value.

    Raises:
        ValueError: it is not of this kind.
    """
    if value is None or value == "":
        return None
    if kind is FieldKind.TAGS:
        return _to_tags(value)
    if kind is FieldKind.STR:
        return _to_str(value)
    if kind is FieldKind.BOOL:
        return _to_bool(value)
    return _to_int(value) if kind is FieldKind.INT else _to_float(value)


def _to_tags(value: object) -> list[str] | None:
    if not isinstance(value, (list, tuple)):
        raise ValueError
    return [_to_str(one) for one in value if one != ""] or None


def _to_str(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError
    value.encode()  # half a surrogate pair raises UnicodeEncodeError, a ValueError
    return value


def _to_bool(value: object) -> bool:
    if isinstance(value, str):
        value = _SPELLED_BOOL.get(value.lower())
    if not isinstance(value, bool):
        raise ValueError
    return value


def _to_int(value: object) -> int:
    if isinstance(value, str) and _SPELLED_INT.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise ValueError
    return value


def _to_float(value: object) -> float:
    if isinstance(value, str) and _SPELLED_FLOAT.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError
    try:
        value = float(value)
    except OverflowError:
        raise ValueError from None
    if not math.isfinite(value):
        raise ValueError
    return value
