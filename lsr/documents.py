"""What goes into an index? Documents, with their text or with vectors computed elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lsr.conversations import Question
from lsr.errors import InvalidInputError
from lsr.sparse import SparseBatch

ID_FIELDS = ("_id", "id", "docid", "doc_id")
TEXT_FIELDS = ("text", "contents")
MAX_ID_BYTES = 512

_BREAKS_A_LINE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff]").search


@dataclass(frozen=True, slots=True)
class Document:
    """One retrievable unit.

    Attributes:
        doc_id: unique in its index; UTF-8 without white space or control characters.
        title: may be empty.
        text: the body; may be empty, then the document is stored but never found by its text.
        metadata: every other field of the input, stored and returned as JSON values.
        place: where it was read, such as ``corpus.jsonl:7``, for messages; never stored.
    """

    doc_id: str
    title: str = ""
    text: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    place: str = ""

    @property
    def full_text(self) -> str:
        """What an encoder sees: title, a space, text."""
        return f"{self.title} {self.text}".strip() if self.title else self.text

    def as_dict(self) -> dict[str, Any]:
        """Return the document as JSON values, metadata beside id, title and text."""
        return {**self.metadata, "id": self.doc_id, "title": self.title, "text": self.text}


@dataclass(frozen=True, slots=True)
class DocumentBatch:
    """A run of documents of a corpus, in order.

    Attributes:
        documents: the documents.
        vectors: one row per document when the corpus holds vectors, else None.
        vocabulary: names of the vectors' term ids; None when the ids are a model's own.
    """

    documents: Sequence[Document]
    vectors: SparseBatch | None = None
    vocabulary: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class QueryBatch:
    """Queries, as texts, conversations or vectors.

    Attributes:
        query_ids: in file order.
        questions: one per query; empty strings where a file of vectors holds no text.
        vectors: one row per query when the file holds vectors, else None.
        vocabulary: names of the vectors' term ids; None when the ids are a model's own.
    """

    query_ids: Sequence[str]
    questions: Sequence[Question]
    vectors: SparseBatch | None = None
    vocabulary: Sequence[str] | None = None


def checked_id(value: object, place: str) -> str:
    """Return `value` as a document or query id.

    Integers become their decimal form. White space and control characters are refused because
    neither a TREC run nor a URL path can carry them.

    Raises:
        InvalidInputError: the id is missing, of another type, empty, too long, or holds white
            space, control characters or lone surrogates.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value:
        raise InvalidInputError(
            f"{place}: the id is {value!r}, but every record needs a non-empty string in one of "
            f"the fields {', '.join(ID_FIELDS)}."
        )
    if _BREAKS_A_LINE(value):
        raise InvalidInputError(
            f"{place}: the id {value!r} holds white space or a control character, which run files "
            "and URLs cannot carry; replace it, by '_' for example."
        )
    if len(value.encode()) > MAX_ID_BYTES:
        raise InvalidInputError(
            f"{place}: the id {value[:40]!r}... is longer than {MAX_ID_BYTES} bytes."
        )
    return value


def document_from_record(record: Mapping[str, Any], place: str) -> Document:
    """Read a document out of a JSON object or a row of a table.

    Raises:
        InvalidInputError: the id or a text field is missing or of the wrong type.
    """
    fields = dict(record)
    raw_id = next((fields.pop(name) for name in ID_FIELDS if name in fields), None)
    doc_id = checked_id(raw_id, place)
    title = _text(fields.pop("title", ""), "title", place)
    found = [name for name in TEXT_FIELDS if name in fields]
    text = _text(fields.pop(found[0]), found[0], place) if found else ""
    fields.pop("vector", None)
    return Document(doc_id, title, text, fields, place)


def _text(value: object, name: str, place: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        kind = type(value).__name__
        raise InvalidInputError(f"{place}: the field {name!r} must be a string, not {kind}.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidInputError(
            f"{place}: the field {name!r} holds half a surrogate pair, which is not valid text."
        ) from None
    return value
