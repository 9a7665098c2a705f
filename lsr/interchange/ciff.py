"""How is the Common Index File Format written? Header, posting lists by term, documents: one file.

``lsr.corpus.ciff`` draws the format and names its source. Document numbers become gaps; the header
describes how values become weights, for whoever has only the file.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from lsr.corpus.ciff import FREQUENCY_TAG, GAP_TAG, LIST_TAG, VERSION
from lsr.corpus.varints import encode_varint, encode_varints, varint_sizes
from lsr.errors import InvalidInputError
from lsr.index import PostingList
from lsr.index.storage import NewFile
from lsr.interchange.folder import new_file
from lsr.interchange.formats import ExportFormat
from lsr.interchange.source import Source, Statistics
from lsr.interchange.values import MAX_INTEGER, Holds

FILE_NAME = "index.ciff"

_INTEGER, _DOUBLE, _TEXT = 0, 1, 2


def _write(source: Source, folder: Path) -> None:
    statistics = source.statistics()
    if statistics.doc_lengths.size and int(statistics.doc_lengths.max()) > MAX_INTEGER:
        raise InvalidInputError(
            f"The values of one document add up to more than {MAX_INTEGER:,}, the longest that "
            "CIFF can hold; choose a smaller --scale."
        )
    with new_file(folder / FILE_NAME) as file:
        _write_message(file, _header(source, statistics))
        for name, one in source.posting_lists(statistics.list_sizes):
            _write_message(file, _list_message(name, one))
        for number, doc_id in enumerate(source.doc_ids()):
            length = int(statistics.doc_lengths[number])
            _write_message(file, _integer(1, number) + _text(2, doc_id) + _integer(3, length))
            source.progress(1)


def _header(source: Source, statistics: Statistics) -> bytes:
    n_lists = int(np.count_nonzero(statistics.list_sizes))
    total = int(statistics.doc_lengths.sum())
    counts = (VERSION, n_lists, source.n_docs, n_lists, source.n_docs, total)
    fields = [_integer(number, count) for number, count in enumerate(counts, 1)]
    mean = total / source.n_docs if source.n_docs else 0.0
    return b"".join(
        [
            *fields,
            encode_varint(7 << 3 | _DOUBLE) + struct.pack("<d", mean),
            _text(8, f"lsr-engine: {source.code.kind}; weight = frequency * {source.code.step!r}"),
        ]
    )


def _list_message(name: str, one: PostingList) -> bytes:
    gaps, values = np.diff(one.doc_numbers, prepend=0), one.values.astype(np.uint64)
    table = np.empty((gaps.size, 6), dtype=np.uint64)
    table[:, 0], table[:, 2], table[:, 4] = LIST_TAG, GAP_TAG, FREQUENCY_TAG
    table[:, 1] = 2 + varint_sizes(gaps.astype(np.uint64)) + varint_sizes(values)
    table[:, 3], table[:, 5] = gaps, values
    head = _text(1, name) + _integer(2, gaps.size) + _integer(3, int(values.sum()))
    return head + encode_varints(table)


def _write_message(file: NewFile, message: bytes) -> None:
    file.write(encode_varint(len(message)) + message)


def _integer(number: int, value: int) -> bytes:
    return encode_varint(number << 3 | _INTEGER) + encode_varint(value)


def _text(number: int, text: str) -> bytes:
    content = text.encode()
    return encode_varint(number << 3 | _TEXT) + encode_varint(len(content)) + content


CIFF = ExportFormat("ciff", "CIFF", Holds.INTEGERS, _write)
