"""How is an index in the Common Index File Format read? As documents again, in bounded memory.

A CIFF file holds a header, posting lists by term, and the documents' ids at its end; documents are
wanted one after the other. So postings go to a temporary file, in runs sorted by range of
documents, and a range is put together when its ids come.

    header         version, number of lists, number of documents, ...
    posting list   term, document frequency, collection frequency, (gap, frequency) pairs
    document       number, id, length

Source: J. Lin et al., "Supporting Interoperability Between Open-Source Search Engines with the
Common Index File Format", SIGIR 2020, and the format's protocol buffer definition.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.corpus.batches import MAX_BATCH_DOCUMENTS
from lsr.corpus.opening import chunks
from lsr.corpus.protobuf import Messages, fields
from lsr.corpus.records import Report
from lsr.corpus.varints import decode_varints
from lsr.documents import Document, DocumentBatch, checked_id
from lsr.errors import InvalidInputError
from lsr.sparse import SparseBatch

ENDING = ".ciff"
VERSION = 1
RANGE_BITS = 16
RUN_POSTINGS = 1 << 22
"""Postings sorted at a time: 48 MB, and as much again meanwhile."""

LIST_TAG, GAP_TAG, FREQUENCY_TAG = 0x22, 0x08, 0x10
"""Fields of a posting in a list's message: the posting itself, its gap, its frequency."""

_POSTING = np.dtype([("doc", "<u4"), ("term", "<u4"), ("value", "<u4")])
_MAX_INT32 = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class _Header:
    version: int
    n_lists: int
    n_docs: int


def ciff_size(path: Path) -> int:
    """Return the number of documents that the header gives.

    Raises:
        InvalidInputError: the file cannot be read, or begins with no such header.
    """
    return _header(Messages(chunks(path)), path).n_docs


def ciff_batches(path: Path, report: Report) -> Iterator[DocumentBatch]:
    """Yield the documents in batches, with their frequencies as weights.

    Args:
        path: the file, plain or compressed.
        report: receives the error of each document whose id is none.

    Raises:
        InvalidInputError: the file is damaged, or its documents are not in order.
    """
    messages = Messages(chunks(path))
    header = _header(messages, path)
    with tempfile.TemporaryFile() as file:
        postings = _SortedPostings(file)
        terms = _read_lists(messages, header, path, postings)
        for number, group in groupby(
            _documents(messages, header, path), key=lambda one: one[0] >> RANGE_BITS
        ):
            yield from _range_batches(list(group), postings.take(number), terms, path, report)
    postings.refuse_rest(path)
    if not messages.is_at_end():
        raise InvalidInputError(
            f"{path}: more follows the {header.n_docs:,} documents that the header gives; "
            "fetch or write the file again."
        )


def _header(messages: Messages, path: Path) -> _Header:
    found = dict.fromkeys((1, 2, 3), 0)
    try:
        for (number, value), _ in fields(messages.read()):
            if number in found:
                found[number] = int(value)
    except ValueError as error:
        raise _damaged(path, "the header", error) from None
    if found[1] != VERSION:
        raise InvalidInputError(
            f"{path}: the header gives version {found[1]}, but only version {VERSION} of CIFF is "
            "known; is it a CIFF file?"
        )
    return _Header(found[1], found[2], found[3])


def _read_lists(
    messages: Messages, header: _Header, path: Path, postings: _SortedPostings
) -> list[str]:
    terms: dict[str, int] = {}
    for number in range(header.n_lists):
        name = f"posting list {number + 1} of {header.n_lists}"
        try:
            term, docs, values = _posting_list(messages.read())
            if term in terms:
                raise ValueError(f"the term {term!r} has a list already")
        except ValueError as error:
            raise _damaged(path, name, error) from None
        terms[term] = number
        postings.add(number, docs, values)
    postings.end()
    return list(terms)


def _posting_list(message: bytes) -> tuple[str, NDArray[np.int64], NDArray[np.int64]]:
    """Return the term, the document numbers and the frequencies of a list."""
    term, n_postings, begin = "", 0, len(message)
    for (number, value), place in fields(message):
        if number == 1:
            term = bytes(value).decode() if isinstance(value, bytes) else ""
        elif number == 2:
            n_postings = int(value)
        elif number == 4:
            begin = place
            break
    parts = decode_varints(message[begin:])
    # The first document may have number 0, which is then left out, as protocol buffers do.
    if parts.size > 2 and parts[2] == FREQUENCY_TAG:
        parts = np.insert(parts, 2, [GAP_TAG, 0])
    if parts.size % 6:
        raise ValueError(f"the postings of {term!r} are no gaps and frequencies above zero")
    table = parts.reshape(-1, 6).astype(np.int64)
    tags = table[:, ::2]
    gaps, values = table[:, 3], table[:, 5]
    if (tags != (LIST_TAG, GAP_TAG, FREQUENCY_TAG)).any() or (gaps[1:] < 1).any():
        raise ValueError(f"the postings of {term!r} are no gaps and frequencies above zero")
    if len(table) != n_postings:
        raise ValueError(f"{term!r} has {len(table)} postings where {n_postings} are announced")
    docs = np.cumsum(np.minimum(gaps, _MAX_INT32 + 1))
    if docs.max(initial=0) > _MAX_INT32 or (gaps < 0).any():
        raise ValueError(f"a document of {term!r} has a number outside 31 bits")
    if (values < 1).any() or values.max(initial=1) > _MAX_INT32:
        raise ValueError(f"a frequency of {term!r} is not from 1 to {_MAX_INT32:,}")
    return term, docs, values


def _documents(messages: Messages, header: _Header, path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the number and the id of each document; numbers must rise."""
    before = -1
    for record in range(header.n_docs):
        found: dict[int, int | bytes] = {1: 0, 2: b""}
        try:
            for (number, value), _ in fields(messages.read()):
                found[number] = value
            number, doc_id = int(found[1]), found[2]
            if not isinstance(doc_id, bytes) or not before < number <= _MAX_INT32:
                raise ValueError(f"number {number} follows {before}, but numbers must rise")
        except ValueError as error:
            name = f"document {record + 1} of {header.n_docs}"
            raise _damaged(path, name, error) from None
        before = number
        yield number, doc_id


def _range_batches(
    documents: Sequence[tuple[int, bytes]],
    postings: NDArray[Any],
    terms: Sequence[str],
    path: Path,
    report: Report,
) -> Iterator[DocumentBatch]:
    numbers = np.array([number for number, _ in documents], dtype=np.int64)
    places = np.searchsorted(numbers, postings["doc"])
    found = np.minimum(places, numbers.size - 1)
    if (numbers[found] != postings["doc"]).any():
        lost = int(postings["doc"][numbers[found] != postings["doc"]][0])
        raise InvalidInputError(f"{path}: document {lost} has postings but no record with its id.")
    indptr = np.append(0, np.cumsum(np.bincount(places, minlength=numbers.size)))
    stream = iter(enumerate(documents))
    while batch := list(islice(stream, MAX_BATCH_DOCUMENTS)):
        rows, kept = [], []
        for row, (number, doc_id) in batch:
            place = f"{path}: document {number}"
            try:
                kept.append(Document(checked_id(_text(doc_id, place), place), place=place))
                rows.append(row)
            except InvalidInputError as error:
                report(error)
        first, last = batch[0][0], batch[-1][0] + 1
        span = slice(indptr[first], indptr[last])
        vectors = SparseBatch.from_arrays(
            indptr[first : last + 1] - indptr[first],
            postings["term"][span],
            postings["value"][span],
            len(terms),
        )
        if len(kept) < len(batch):
            vectors = vectors.take([row - first for row in rows])
        yield DocumentBatch(kept, vectors, terms)


class _SortedPostings:
    """Postings that come by term and leave by document.

    Args:
        file: holds them meanwhile.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._waiting: list[NDArray[Any]] = []
        self._n_waiting = 0
        self._places: dict[int, list[tuple[int, int]]] = {}

    def add(self, term: int, docs: NDArray[np.int64], values: NDArray[np.int64]) -> None:
        """Take the postings of the next term."""
        postings = np.empty(docs.size, dtype=_POSTING)
        postings["doc"], postings["term"], postings["value"] = docs, term, values
        self._waiting.append(postings)
        self._n_waiting += docs.size
        if self._n_waiting >= RUN_POSTINGS:
            self.end()

    def end(self) -> None:
        """Sort what waits by range, and write it."""
        if not self._n_waiting:
            return
        run = np.concatenate(self._waiting)
        self._waiting, self._n_waiting = [], 0
        # Stable, so that in each document terms stay in order.
        run = run[np.argsort(run["doc"], kind="stable")]
        at = self._file.tell()
        self._file.write(run.tobytes())
        numbers, starts = np.unique(run["doc"] >> RANGE_BITS, return_index=True)
        ends = np.append(starts[1:], run.size)
        for number, start, end in zip(
            numbers.tolist(), starts.tolist(), ends.tolist(), strict=True
        ):
            place = (at + start * _POSTING.itemsize, end - start)
            self._places.setdefault(number, []).append(place)

    def take(self, number: int) -> NDArray[Any]:
        """Return the postings of a range, by document and term, and forget them."""
        parts = [np.zeros(0, dtype=_POSTING)]
        for place, n_postings in self._places.pop(number, []):
            self._file.seek(place)
            content = self._file.read(n_postings * _POSTING.itemsize)
            parts.append(np.frombuffer(content, dtype=_POSTING))
        postings = np.concatenate(parts)
        return postings[np.argsort(postings["doc"], kind="stable")]

    def refuse_rest(self, path: Path) -> None:
        """Refuse postings of ranges that no document belongs to.

        Raises:
            InvalidInputError: there are some.
        """
        if self._places:
            first = min(self._places) << RANGE_BITS
            raise InvalidInputError(
                f"{path}: documents from number {first:,} on have postings but no record with "
                "their id."
            )


def _text(doc_id: bytes, place: str) -> str:
    try:
        return doc_id.decode()
    except UnicodeDecodeError:
        raise InvalidInputError(f"{place}: the id {doc_id!r} is not valid UTF-8.") from None


def _damaged(path: Path, what: str, error: ValueError) -> InvalidInputError:
    return InvalidInputError(
        f"{path}: {what} cannot be read: {error}; fetch or write the file again."
    )
