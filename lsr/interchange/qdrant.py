"""How does Qdrant get an index? As bodies for its requests: one for the collection, then points.

    collection.json      body of the request that makes the collection
    points-00000.json    body of an upsert of points; and so on
    terms.json           name of each term number

A point's id must be a number, so documents are counted from 0; their own ids are in the payload.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from lsr.interchange.folder import new_file
from lsr.interchange.formats import ExportFormat
from lsr.interchange.numbered_terms import write_term_names
from lsr.interchange.parts import write_parts
from lsr.interchange.source import Source
from lsr.interchange.values import Holds

VECTOR = "vector"


def _write(source: Source, folder: Path) -> None:
    with new_file(folder / "collection.json") as file:
        file.write(msgspec.json.encode({"vectors": {}, "sparse_vectors": {VECTOR: {}}}) + b"\n")
    write_parts(
        folder,
        "points-{}.json",
        _points(source),
        head=b'{"points":[\n',
        separator=b",\n",
        tail=b"\n]}\n",
    )
    write_term_names(source, folder)


def _points(source: Source) -> Iterator[bytes]:
    encode = msgspec.json.Encoder().encode
    for number, (document, terms, values) in enumerate(source.documents()):
        payload: dict[str, Any] = {
            "doc_id": document.doc_id,
            "title": document.title,
            "text": document.text,
            "metadata": document.metadata,
        }
        vector = {VECTOR: {"indices": terms, "values": values}} if terms else {}
        yield encode({"id": number, "vector": vector, "payload": payload})


QDRANT = ExportFormat("qdrant", "Qdrant", Holds.FLOATS, _write)
