"""Which columns of a Parquet file hold ids, texts and vectors? Its schema says so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from lsr.corpus.arrow import pa
from lsr.corpus.records import RecordForm
from lsr.documents import ID_FIELDS
from lsr.errors import InvalidInputError

# `lsr encode` writes these two keys.
VOCABULARY_KEY = b"lsr.vocabulary"
ENCODER_KEY = b"lsr.encoder"


@dataclass(frozen=True, slots=True)
class Layout:
    """What the columns of a file hold.

    Attributes:
        id_field: the column of ids.
        texts: every column that is no vector, the ids among them.
        weights: ``weights`` or ``impacts`` when the file holds vectors, else None.
        vocabulary: names of integer term ids when the file carries them.
    """

    id_field: str
    texts: list[str]
    weights: str | None
    vocabulary: list[str] | None


def layout_of(path: Path, schema: pa.Schema, form: RecordForm) -> Layout:
    """Find the columns of documents or queries.

    Raises:
        InvalidInputError: ids are missing, neither texts nor vectors are there, or a column has
            a type that cannot hold what its name says.
    """
    names = schema.names
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise InvalidInputError(f"{path}: the column {repeated!r} occurs twice; rename one.")
    id_field = next((name for name in ID_FIELDS if name in names), None)
    if id_field is None:
        raise InvalidInputError(
            f"{path}: none of the columns ({', '.join(names)}) is called "
            f"{', '.join(ID_FIELDS)}; rename the one that holds the ids."
        )
    weights = [name for name in ("weights", "impacts") if name in names and "terms" in names]
    if len(weights) > 1:
        raise InvalidInputError(
            f"{path}: there are weights and impacts, but only one of the two can be indexed; "
            "drop a column."
        )
    if not weights and not set(names) & set(form.text_fields):
        raise InvalidInputError(
            f"{path}: the columns ({', '.join(names)}) hold neither text "
            f"({', '.join(form.text_fields)}) nor vectors (terms and weights or impacts); "
            "rename the ones that do."
        )
    vectors = ["terms", *weights] if weights else []
    for name in vectors:
        _check_list_column(path, name, schema.field(name).type)
    vocabulary = None
    if vectors and pa.types.is_integer(schema.field("terms").type.value_type):
        vocabulary = schema_value(path, schema, VOCABULARY_KEY, list[str])
    texts = [name for name in names if name not in vectors]
    return Layout(id_field, texts, weights[0] if weights else None, vocabulary)


def _check_list_column(path: Path, name: str, kind: pa.DataType) -> None:
    is_list = (
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )
    value = kind.value_type if is_list else None
    is_known = value is not None and (
        pa.types.is_integer(value)
        or (is_string(value) if name == "terms" else pa.types.is_floating(value))
    )
    if not is_known:
        elements = "integers or strings" if name == "terms" else "numbers"
        raise InvalidInputError(
            f"{path}: the column {name!r} has type {kind}, but must be a list of {elements}."
        )


def is_string(kind: pa.DataType) -> bool:
    """Say whether a column of this type yields Python strings."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def schema_value(path: Path, schema: pa.Schema, key: bytes, kind: Any) -> Any:
    """Return a JSON value of the schema's metadata, checked to be of `kind`, or None.

    Raises:
        InvalidInputError: it is not JSON, or of another type.
    """
    found = (schema.metadata or {}).get(key)
    if found is None:
        return None
    try:
        return msgspec.json.decode(found, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInputError(
            f"{path}: the schema metadata {key.decode()!r} is damaged ({error}); "
            "write the file again with lsr encode."
        ) from error
