"""What does a commit hold? Its documents as rows, in order, or its posting lists, term by term.

Deleted documents are left out and those behind them move up, so numbers run from 0 without a gap.
Bytes are compared with their checksums before they are handed on. One range of documents is in
memory at a time, or one posting list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.documents import Document
from lsr.index.row_buffer import Rows
from lsr.index.searcher import Searcher
from lsr.index.segment import Segment
from lsr.kernels.postings import RANGE_SIZE, n_ranges, read_list

CHUNK_TERMS = 1024
"""Posting lists whose checksums are looked up together."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredRange:
    """The documents of a range that are not deleted.

    Attributes:
        segment: where they are.
        numbers: their local numbers, rising.
        rows: their terms, rising in each document, and what postings hold of them.
    """

    segment: Segment
    numbers: NDArray[np.int64]
    rows: Rows

    @property
    def doc_ids(self) -> list[str]:
        """Their ids."""
        return [self.segment.doc_ids[number] for number in self.numbers.tolist()]

    def documents(self) -> Iterator[Document]:
        """Yield the documents as they are stored."""
        return (self.segment.documents[number] for number in self.numbers.tolist())


@dataclass(frozen=True, slots=True, eq=False)
class PostingList:
    """The postings of a term, in documents that are not deleted.

    Attributes:
        term: the term's number.
        doc_numbers: shape (n,), rising.
        values: shape (n,), uint8 impacts or float32 weights.
    """

    term: int
    doc_numbers: NDArray[np.int64]
    values: NDArray[Any]


def stored_ranges(searcher: Searcher) -> Iterator[StoredRange]:
    """Yield all documents, range by range.

    Raises:
        CorruptIndexError: a range is damaged.
    """
    from lsr.kernels.range_coding import decode_range

    for segment in searcher.segments:
        is_live = segment.live_mask()
        for number in range(n_ranges(segment.n_docs)):
            segment.check_range(number)
            first = number * RANGE_SIZE
            in_range = is_live[first : first + RANGE_SIZE]
            rows = decode_range(segment.postings, number, in_range.size, segment.n_terms)
            yield StoredRange(segment, first + np.flatnonzero(in_range), live_rows(rows, in_range))


def posting_lists(searcher: Searcher, terms: Sequence[int]) -> Iterator[PostingList]:
    """Yield the posting lists of terms, in the order asked for.

    Raises:
        CorruptIndexError: a list is damaged.
    """
    parts = []
    n_before = 0
    for segment in searcher.segments:
        is_live = segment.live_mask()
        parts.append((segment, np.where(is_live, n_before + np.cumsum(is_live) - 1, -1)))
        n_before += segment.n_docs - segment.entry.n_deleted
    for start in range(0, len(terms), CHUNK_TERMS):
        chunk = terms[start : start + CHUNK_TERMS]
        for segment, _ in parts:
            segment.check_lists(
                np.array([term for term in chunk if term < segment.n_terms], dtype=np.uint32)
            )
        for term in chunk:
            yield _posting_list(parts, term)


def live_rows(rows: Rows, is_live: NDArray[np.bool_]) -> Rows:
    """Return the rows of the documents that are not deleted."""
    if is_live.all():
        return rows
    indptr, terms, impacts = rows
    sizes = np.diff(indptr)
    kept = np.repeat(is_live, sizes)
    return np.append(0, np.cumsum(sizes[is_live])), terms[kept], impacts[kept]


def _posting_list(parts: Sequence[tuple[Segment, NDArray[np.int64]]], term: int) -> PostingList:
    doc_numbers: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
    values: list[NDArray[Any]] = []
    for segment, new_numbers in parts:
        for number in range(n_ranges(segment.n_docs) if term < segment.n_terms else 0):
            in_range = new_numbers[number * RANGE_SIZE : (number + 1) * RANGE_SIZE]
            offsets, impacts = read_list(segment.postings, number, term, in_range.size)
            found = in_range[offsets]
            kept = found >= 0
            doc_numbers.append(found[kept])
            values.append(impacts[kept])
    joined = np.concatenate(values) if values else np.zeros(0, dtype=np.uint8)
    return PostingList(term, np.concatenate(doc_numbers), joined)
