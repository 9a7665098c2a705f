"""How does Vespa get an index? As lines to feed, and the schema that they follow.

    lsr.sd        schema: a tensor with one cell a term, and a rank profile that scores by it
    feed.jsonl    one put a line

Texts of Vespa hold no control characters but tab, line feed and carriage return, and no code points
that stand for nothing. Source: com.yahoo.text.Text of Vespa.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from lsr.documents import Document
from lsr.errors import InvalidInputError
from lsr.interchange.folder import new_file
from lsr.interchange.formats import ExportFormat
from lsr.interchange.source import Source
from lsr.interchange.values import Holds

SCHEMA = """\
schema lsr {
    document lsr {
        field doc_id type string {
            indexing: attribute | summary
        }
        field title type string {
            indexing: index | summary
        }
        field text type string {
            indexing: index | summary
        }
        field metadata type string {
            indexing: summary
        }
        field vector type tensor<float>(term{}) {
            indexing: attribute
        }
    }
    rank-profile sparse {
        inputs {
            query(q) tensor<float>(term{})
        }
        first-phase {
            expression: sum(query(q) * attribute(vector))
        }
    }
}
"""

_NO_CHARACTER = "".join(
    f"{chr(plane * 0x10000 + 0xFFFE)}{chr(plane * 0x10000 + 0xFFFF)}" for plane in range(1, 17)
)
_NO_TEXT = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\ufdd0-\ufddf{_NO_CHARACTER}]")


def _write(source: Source, folder: Path) -> None:
    with new_file(folder / "lsr.sd") as file:
        file.write(SCHEMA.encode())
    encode = msgspec.json.Encoder().encode
    with new_file(folder / "feed.jsonl") as file:
        for document, terms, values in source.documents():
            cells = {source.names[term]: value for term, value in zip(terms, values, strict=True)}
            fields = {
                "doc_id": document.doc_id,
                "title": document.title,
                "text": document.text,
                "metadata": encode(document.metadata).decode(),
                "vector": {"cells": cells},
            }
            _refuse_no_text(document, fields["title"], fields["text"])
            put = {"put": f"id:lsr:lsr::{document.doc_id}", "fields": fields}
            file.write(encode(put) + b"\n")


def _refuse_no_text(document: Document, *texts: object) -> None:
    for text in texts:
        found = _NO_TEXT.search(str(text))
        if found:
            raise InvalidInputError(
                f"The document {document.doc_id!r} holds the character {found[0]!r}, which no text "
                "of Vespa can hold; index it without."
            )


def _term_problem(name: str) -> str | None:
    if not name or _NO_TEXT.search(name):
        return "it is empty or holds a control character"
    return None


VESPA = ExportFormat("vespa", "Vespa", Holds.FLOATS, _write, term_problem=_term_problem)
