"""What does one JSON object or one row of a table say? A document or query, perhaps a vector."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np

from lsr.documents import TEXT_FIELDS, Document, document_from_record
from lsr.errors import InvalidInputError, LsrError

MAX_DEPTH = 64
"""Deepest nesting of a metadata value, so that nobody who walks one runs out of stack."""

MAX_WEIGHT = float(np.finfo(np.float32).max)

Report = Callable[[LsrError], None]
"""Receives the error of a bad line or row; reading goes on if it returns."""

Converted = TypeVar("Converted")


@dataclass(frozen=True, slots=True)
class RecordForm:
    """What a file is expected to hold.

    Attributes:
        noun: what messages call its records.
        stem: name of such a file in a BEIR folder, without extension.
        vector_fields: where a JSON object may hold ``{term: weight}``.
        text_fields: one of these, or a vector, must be there.
    """

    noun: str
    stem: str
    vector_fields: tuple[str, ...]
    text_fields: tuple[str, ...]


DOCUMENT_FORM = RecordForm("documents", "corpus", ("vector",), ("title", *TEXT_FIELDS))
QUERY_FORM = RecordForm("queries", "queries", ("vector", "weights"), (*TEXT_FIELDS, "turns"))
HISTORY_FORM = RecordForm("histories", "history", (), ("history",))


class Record(NamedTuple):
    """A document or query as read from a text format, with its size in the file."""

    document: Document
    vector: Mapping[str, float] | None
    size_bytes: int


def refuse(error: LsrError) -> None:
    """Be the `Report` of a reader that stops at the first bad line."""
    raise error


def read_record(
    fields: dict[str, Any], place: str, form: RecordForm, size_bytes: int = 0
) -> Record:
    """Read the fields of one record, its vector included.

    Raises:
        InvalidInputError: id, text, vector or metadata is missing or of the wrong type.
    """
    fields = dict(fields)
    vector_field = next((name for name in form.vector_fields if name in fields), None)
    vector = fields.pop(vector_field) if vector_field else None
    if vector_field and not isinstance(vector, Mapping):
        raise InvalidInputError(
            f"{place}: the field {vector_field!r} is {_kind(vector)}, but a vector is an object "
            'of terms and weights such as {"wing": 1.5}.'
        )
    document = read_document(fields, place)
    if vector is None and not any(name in fields for name in form.text_fields):
        raise InvalidInputError(
            f"{place}: there is neither a vector nor any of the fields "
            f"{', '.join(form.text_fields)}; rename the field that holds the text."
        )
    return Record(document, vector, size_bytes)


def read_document(fields: Mapping[str, Any], place: str) -> Document:
    """Read id, title, text and metadata.

    Raises:
        InvalidInputError: one of them is missing or of the wrong type.
    """
    document = document_from_record(fields, place)
    for name, value in document.metadata.items():
        problem = _json_problem(value, MAX_DEPTH)
        if problem:
            raise InvalidInputError(f"{place}: the field {name!r} holds {problem}.")
    return document


def check_named_vector(pairs: Iterable[tuple[str, object]], place: str) -> None:
    """Refuse the first pair of a vector whose weight or term cannot be right.

    Raises:
        InvalidInputError: a weight is not a number from 0 to `MAX_WEIGHT`, or a term repeats.
    """
    seen: set[str] = set()
    for term, weight in pairs:
        if isinstance(weight, bool) or not isinstance(weight, (int, float)):
            raise InvalidInputError(
                f"{place}: the weight of term {term!r} is {_kind(weight)}, not a number."
            )
        if weight > MAX_WEIGHT and weight != float("inf"):
            raise InvalidInputError(
                f"{place}: the weight of term {term!r} is above {MAX_WEIGHT:.2g}, "
                "the largest 32-bit float."
            )
        if not 0 <= weight <= MAX_WEIGHT:
            raise InvalidInputError(
                f"{place}: the weight of term {term!r} is {weight}, "
                "but weights must be finite and not negative."
            )
        if term in seen:
            raise InvalidInputError(f"{place}: term {term!r} occurs twice in one vector.")
        seen.add(term)


def convert_sound_rows(
    n_rows: int, convert: Callable[[Sequence[int]], Converted], report: Report
) -> Converted:
    """Convert all rows at once; if that fails, report each bad row and convert the others.

    Args:
        n_rows: how many rows there are.
        convert: takes row numbers; raises InvalidInputError when one of the rows is bad.
        report: receives the error of each bad row.
    """
    try:
        return convert(range(n_rows))
    except InvalidInputError:
        return convert([row for row in range(n_rows) if _is_sound(row, convert, report)])


def _is_sound(row: int, convert: Callable[[Sequence[int]], object], report: Report) -> bool:
    try:
        convert([row])
    except InvalidInputError as error:
        report(error)
        return False
    return True


def _json_problem(value: object, depth: int) -> str | None:
    """Say why `value` cannot be stored as JSON, or return None."""
    if value is None or isinstance(value, (str, bool)):
        return None
    if isinstance(value, int):
        fits = -(2**63) <= value < 2**64
        return None if fits else "an integer that needs more than 64 bits; write it as a string"
    if isinstance(value, float):
        return None if np.isfinite(value) else f"{value}, which JSON cannot express; use null"
    if isinstance(value, Mapping):
        children: Iterable[object] = value.values()
    elif isinstance(value, (list, tuple)):
        children = value
    else:
        return f"{_kind(value)}, which JSON cannot express; write it as a string"
    if depth == 0:
        return f"a value nested deeper than {MAX_DEPTH} levels; flatten it"
    problems = (_json_problem(child, depth - 1) for child in children)
    return next((problem for problem in problems if problem), None)


def _kind(value: object) -> str:
    names = {list: "a list", str: "a string", dict: "an object", bool: "true or false"}
    if value is None:
        return "null"
    return names.get(type(value), f"of type {type(value).__name__}")
