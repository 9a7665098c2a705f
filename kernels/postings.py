"""How do posting lists lie in memory? As flat arrays, one document range after another.

Documents are cut into ranges of 65,536. Inside a range a document is its 16-bit offset from the
range's first document, so the scores of a range fit the cache. A range is complete in itself:

    impacts         list of term 0, list of term 1, ...: one value a posting, by document
    doc_offsets     the documents of the same lists: 16-bit offsets, or, where more than a tenth of
                    the documents have the term, a bitmap with bit ``d % 16`` of word ``d // 16``

    list_starts[t * n_ranges + r]       where the list of term t begins among range r's impacts
    offset_starts[t * n_ranges + r]     and among its doc_offsets
    range_lists[r], range_offsets[r]    where range r itself begins in either

What a query reads of the two tables lies side by side: they are ordered by term first.

A short list thus takes three bytes a posting, a long one less: at worst 2.25, with a bitmap of
n / 8 bytes. Keeping dense sets as bitmaps and sparse ones as 16-bit arrays in ranges of 65,536 is
the idea of Roaring bitmaps.

Paper: Lemire, Ssi-Yan-Kai, Kaser, "Consistently faster and smaller compressed bitmaps with
Roaring", Software: Practice and Experience 46(11), 2016.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

RANGE_SIZE = 1 << 16
"""Documents of one range; the 16-bit offsets of the format depend on it."""

DENSE_SHARE = 10
"""A list of more than one in `DENSE_SHARE` documents is a bitmap; the format depends on it."""

WORD_BITS = 16

MAX_IMPACT = 255

KTH = (10, 100, 1000)
"""Ranks whose impacts are kept, so that a search for as many hits starts with a threshold."""


class PostingRange(NamedTuple):
    """The posting lists of one range of documents, positions counted from its own beginning.

    Attributes:
        list_starts: shape (n_terms + 1,), into `impacts`.
        offset_starts: shape (n_terms + 1,), into `doc_offsets`.
        doc_offsets: offsets, rising inside a list, and the words of bitmaps.
        impacts: shape (nnz,), uint8 from 1 to 255, or float32 above zero.
    """

    list_starts: NDArray[np.uint32]
    offset_starts: NDArray[np.uint32]
    doc_offsets: NDArray[np.uint16]
    impacts: NDArray[Any]


class Postings(NamedTuple):
    """The posting lists of all ranges of a segment.

    Attributes:
        list_starts: shape ((n_terms + 1) * n_ranges,), from the beginning of each range.
        offset_starts: shape ((n_terms + 1) * n_ranges,), likewise.
        range_lists: shape (n_ranges + 1,), into `impacts`.
        range_offsets: shape (n_ranges + 1,), into `doc_offsets`.
        doc_offsets: those of all ranges, end to end.
        impacts: those of all ranges, end to end.
        max_impacts: shape (n_terms * n_ranges,), largest impact of each list, 0 for an empty one.
    """

    list_starts: NDArray[np.uint32]
    offset_starts: NDArray[np.uint32]
    range_lists: NDArray[np.int64]
    range_offsets: NDArray[np.int64]
    doc_offsets: NDArray[np.uint16]
    impacts: NDArray[Any]
    max_impacts: NDArray[Any]


def n_ranges(n_docs: int) -> int:
    """Return how many ranges hold `n_docs` documents."""
    return -(-n_docs // RANGE_SIZE)


def read_list(
    postings: Postings, number: int, term: int, n_docs: int
) -> tuple[NDArray[np.uint16], NDArray[Any]]:
    """Return the documents and the impacts of a list, for those who read few of them.

    Args:
        postings: posting lists of a segment.
        number: the range.
        term: below the number of terms.
        n_docs: documents of the range.
    """
    place = term * (postings.range_lists.size - 1) + number
    next_place = place + postings.range_lists.size - 1
    first, first_offset = int(postings.range_lists[number]), int(postings.range_offsets[number])
    begin, end = int(postings.list_starts[place]), int(postings.list_starts[next_place])
    impacts = postings.impacts[first + begin : first + end]
    stored = postings.doc_offsets[
        first_offset + int(postings.offset_starts[place]) : first_offset
        + int(postings.offset_starts[next_place])
    ]
    if impacts.size <= n_docs // DENSE_SHARE:
        return stored, impacts
    is_in = np.unpackbits(stored.astype("<u2").view(np.uint8), bitorder="little").view(np.bool_)
    return np.flatnonzero(is_in).astype(np.uint16), impacts
