"""A writer of CIFF files by the protocol buffer definition, one byte after the other."""

from __future__ import annotations

from collections.abc import Sequence

Postings = Sequence[tuple[int, int]]
"""Number and frequency of each document of a term."""


def varint(value: int) -> bytes:
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def number_field(field: int, value: int) -> bytes:
    """Protocol buffers leave zeros out."""
    return varint(field << 3) + varint(value) if value else b""


def bytes_field(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def message(content: bytes) -> bytes:
    return varint(len(content)) + content


def header(n_lists: int, n_docs: int, version: int = 1) -> bytes:
    counts = (version, n_lists, n_docs, n_lists, n_docs, 77)
    fields = b"".join(number_field(field, count) for field, count in enumerate(counts, 1))
    return message(fields + b"\x39" + bytes(8) + bytes_field(8, b"made by hand"))


def posting_list(term: str, postings: Postings, df: int | None = None) -> bytes:
    content = bytes_field(1, term.encode())
    content += number_field(2, len(postings) if df is None else df)
    content += number_field(3, sum(value for _, value in postings))
    before = 0
    for doc, value in postings:
        content += bytes_field(4, number_field(1, doc - before) + number_field(2, value))
        before = doc
    return message(content)


def document(number: int, doc_id: str | bytes, length: int = 5) -> bytes:
    encoded = doc_id if isinstance(doc_id, bytes) else doc_id.encode()
    return message(number_field(1, number) + bytes_field(2, encoded) + number_field(3, length))


def ciff(lists: dict[str, Postings], doc_ids: dict[int, str]) -> bytes:
    """Return a whole file."""
    parts = [header(len(lists), len(doc_ids))]
    parts += [posting_list(term, postings) for term, postings in lists.items()]
    return b"".join(parts + [document(number, doc_id) for number, doc_id in doc_ids.items()])
