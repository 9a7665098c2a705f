"""How are JSON lines and JSON arrays read? Strictly, and saying where a mistake is."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, TypeVar

import msgspec

from lsr.corpus.opening import lines
from lsr.corpus.records import (
    Record,
    RecordForm,
    Report,
    check_named_vector,
    read_record,
)
from lsr.errors import InvalidInputError

MAX_ARRAY_BYTES = 256 << 20
"""Largest JSON array: unlike lines it can only be read whole."""

_T = TypeVar("_T")

_REFUSALS = (msgspec.DecodeError, UnicodeDecodeError)
_decode = msgspec.json.Decoder().decode
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_raw_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def json_lines(
    contents: Iterable[bytes], name: str, form: RecordForm, report: Report
) -> Iterator[Record]:
    """Yield one record for each line that is not blank."""
    places = ((f"{name}:{number}", line) for number, line in lines(contents, name))
    return _records(((place, line) for place, line in places if line.strip()), form, report)


def json_file(
    contents: Iterator[bytes], name: str, form: RecordForm, report: Report
) -> Iterator[Record]:
    """Yield the records of a JSON array of objects, or of JSON lines if it is none."""
    first = next(contents, b"")
    contents = chain([first], contents)
    if not first.lstrip().startswith(b"["):
        return json_lines(contents, name, form, report)
    items = enumerate(_array_items(_gathered(contents, name), name), 1)
    return _records(((f"{name}: item {number}", item) for number, item in items), form, report)


def json_value(contents: Iterable[bytes], name: str) -> Any:
    """Read one JSON value that fills a file.

    Raises:
        InvalidInputError: it is malformed, or too large.
    """
    return _decoded(_decode, _gathered(contents, name), name)


def _records(
    sources: Iterable[tuple[str, bytes]], form: RecordForm, report: Report
) -> Iterator[Record]:
    for place, source in sources:
        try:
            record = json_record(source, place, form)
        except InvalidInputError as error:
            report(error)
        else:
            yield record


def json_record(source: bytes, place: str, form: RecordForm) -> Record:
    """Read one JSON object.

    Args:
        source: the object, without white space around it.
        place: where it stands, for messages.
        form: what it is expected to hold.

    Raises:
        InvalidInputError: it is malformed, or no record of this form.
    """
    try:
        return _record(source, place, form)
    except RecursionError:
        raise _too_deep(place) from None


def _record(source: bytes, place: str, form: RecordForm) -> Record:
    try:
        fields = _decode(source)
    except _REFUSALS as error:
        raise InvalidInputError(f"{place}: {_diagnosis(source, error, form)}.") from None
    if not isinstance(fields, dict):
        raise InvalidInputError(
            f'{place}: this is JSON, but not an object such as {{"id": "1", "text": "..."}}.'
        )
    record = read_record(fields, place, form, len(source))
    if record.vector is not None:
        _refuse_repeated_terms(source, fields, place, form)
    return record


def _refuse_repeated_terms(
    source: bytes, fields: dict[str, Any], place: str, form: RecordForm
) -> None:
    """Find a term that the object repeats, of which the parser kept only the last."""
    name = next(name for name in form.vector_fields if name in fields)
    raw = bytes(_decode_raw_fields(source)[name])
    # A colon stands behind each term: as many colons as distinct terms means that none repeats.
    if raw.count(b":") != len(fields[name]):
        check_named_vector(json.loads(raw, object_pairs_hook=list), place)


def _array_items(data: bytes, name: str) -> Iterator[bytes]:
    return map(bytes, _decoded(_decode_items, data, name))


def _decoded(decode: Callable[[bytes], _T], data: bytes, name: str) -> _T:
    try:
        return decode(data)
    except _REFUSALS as error:
        raise InvalidInputError(f"{name}: {_diagnosis(data, error, None)}.") from None
    except RecursionError:
        raise _too_deep(name) from None


def _gathered(contents: Iterable[bytes], name: str) -> bytes:
    parts: list[bytes] = []
    size = 0
    for chunk in contents:
        parts.append(chunk)
        size += len(chunk)
        if size > MAX_ARRAY_BYTES:
            raise InvalidInputError(
                f"{name}: a JSON array above {MAX_ARRAY_BYTES >> 20} MiB is too large to be read "
                "whole; write one object per line (jq -c '.[]') to a .jsonl file."
            )
    return b"".join(parts)


def _diagnosis(data: bytes, refusal: Exception, form: RecordForm | None) -> str:
    """Say what the strict parser refused, with the help of Python's lenient one."""
    try:
        value = json.loads(data.decode())
    except UnicodeDecodeError as error:
        return (
            f"byte {error.start + 1} is not valid UTF-8; convert the file, with iconv for example"
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, " if error.lineno > 1 else ""
        return f"malformed JSON at {where}character {error.colno} ({error.msg}); correct it"
    except ValueError:
        return "a number has thousands of digits; write it as a string"
    return _strange_value(value, (), form) or f"malformed JSON ({refusal}); correct it"


def _strange_value(value: object, path: tuple[str, ...], form: RecordForm | None) -> str | None:
    """Describe the first value that Python's parser accepts although JSON has no such value."""
    if isinstance(value, str) and not _is_encodable(value):
        return f"{_field(path, form)} holds half a surrogate pair, which is not valid text"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{_field(path, form)} is {value}, but numbers must be finite"
    children: Iterable[tuple[str, object]] = ()
    if isinstance(value, dict):
        children = chain(((key, key) for key in value), value.items())
    elif isinstance(value, list):
        children = ((f"item {number}", item) for number, item in enumerate(value, 1))
    found = (_strange_value(child, (*path, key), form) for key, child in children)
    return next((description for description in found if description), None)


def _field(path: tuple[str, ...], form: RecordForm | None) -> str:
    if form and len(path) == 2 and path[0] in form.vector_fields:
        return f"the weight of term {path[1]!r}"
    return f"the field {'.'.join(path)!r}"


def _too_deep(place: str) -> InvalidInputError:
    return InvalidInputError(f"{place}: the JSON is nested too deeply; flatten it.")


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
