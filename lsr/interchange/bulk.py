"""How do Elasticsearch and OpenSearch get an index? As bodies for their bulk requests.

    index.json                body of the request that makes the index: its mapping
    documents-00000.ndjson    body of a bulk request; and so on
    terms.json                name of each term number, where vectors number their terms

Three fields can take vectors. Elasticsearch's ``sparse_vector`` and OpenSearch's ``rank_features``
keep 9 significant bits of a weight, which hold every whole number up to 511. OpenSearch's
``sparse_vector`` numbers its terms in 15 bits and quantizes weights to 8, up to a ceiling: with the
largest value as its ceiling, impacts stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from lsr.errors import ConfigError
from lsr.index import FieldKind
from lsr.interchange.folder import new_file
from lsr.interchange.formats import ExportFormat
from lsr.interchange.numbered_terms import write_term_names
from lsr.interchange.parts import write_parts
from lsr.interchange.source import Source
from lsr.interchange.values import Holds

VECTOR = "vector"
MAX_ANN_TERMS = 1 << 15

_KINDS = {
    FieldKind.STR: "keyword",
    FieldKind.INT: "long",
    FieldKind.FLOAT: "double",
    FieldKind.BOOL: "boolean",
    FieldKind.TAGS: "keyword",
}


def _write(source: Source, folder: Path, *, field_type: str) -> None:
    names = source.names
    write_parts(folder, "documents-{}.ndjson", _actions(source, names.__getitem__))
    _write_index(source, folder, {"type": field_type})


def _write_numbered(source: Source, folder: Path) -> None:
    if len(source.names) > MAX_ANN_TERMS:
        raise ConfigError(
            f"The index has {len(source.names):,} terms, but a sparse_vector of OpenSearch tells "
            f"only {MAX_ANN_TERMS:,} apart; export to opensearch, whose rank_features name them."
        )
    write_parts(folder, "documents-{}.ndjson", _actions(source, str))
    write_term_names(source, folder)
    parameters = {"quantization_ceiling_ingest": source.max_value or 1.0}
    method = {"name": "seismic", "parameters": parameters}
    _write_index(source, folder, {"type": "sparse_vector", "method": method}, is_ann=True)


def _actions(source: Source, label: Callable[[int], str]) -> Iterator[bytes]:
    encode = msgspec.json.Encoder().encode
    for document, terms, values in source.documents():
        fields: dict[str, Any] = {
            "title": document.title,
            "text": document.text,
            "metadata": document.metadata,
        }
        if terms:
            fields[VECTOR] = dict(zip(map(label, terms), values, strict=True))
        action = {"index": {"_id": document.doc_id}}
        yield encode(action) + b"\n" + encode(fields) + b"\n"


def _write_index(
    source: Source, folder: Path, vector: dict[str, Any], *, is_ann: bool = False
) -> None:
    declared = source.searcher.manifest.fields
    properties = {
        "title": {"type": "text"},
        "text": {"type": "text"},
        # Only declared fields are searchable; all others are kept without being looked into.
        "metadata": {
            "type": "object",
            "dynamic": False,
            "properties": {name: {"type": _KINDS[kind]} for name, kind in declared.items()},
        },
        VECTOR: vector,
    }
    body: dict[str, Any] = {"mappings": {"properties": properties}}
    if is_ann:
        body = {"settings": {"index": {"sparse": True}}, **body}
    with new_file(folder / "index.json") as file:
        file.write(msgspec.json.format(msgspec.json.encode(body)) + b"\n")


def _empty_name(name: str) -> str | None:
    return None if name else "it is empty"


ELASTICSEARCH = ExportFormat(
    "elasticsearch",
    "Elasticsearch",
    Holds.NINE_BITS,
    partial(_write, field_type="sparse_vector"),
    term_problem=_empty_name,
)
OPENSEARCH = ExportFormat(
    "opensearch",
    "OpenSearch",
    Holds.NINE_BITS,
    partial(_write, field_type="rank_features"),
    term_problem=_empty_name,
)
OPENSEARCH_ANN = ExportFormat("opensearch-ann", "OpenSearch", Holds.FLOATS, _write_numbered)
