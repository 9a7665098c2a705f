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

import numba
import numpy as np
from numpy.typing import NDArray

RANGE_SIZE = 1 << 16
"""Documents of one range; the 16-bit offsets of the format depend on it."""

DENSE_SHARE = 10
"""A list of more than one in `DENSE_SHARE` documents is a bitmap; the format depends on it."""

WORD_BITS = 16


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


@numba.njit(cache=True, nogil=True, error_model="numpy")
def is_bitmap(n_postings: int, n_docs: int) -> bool:
    """Say whether a list of a range of `n_docs` documents is stored as a bitmap."""
    return n_postings > n_docs // DENSE_SHARE


@numba.njit(cache=True, nogil=True, error_model="numpy")
def n_words(n_docs: int) -> int:
    """Return how many words a bitmap of a range of `n_docs` documents takes."""
    return (n_docs + WORD_BITS - 1) // WORD_BITS


@numba.njit(cache=True, nogil=True, error_model="numpy")
def unpack_bitmap(words: NDArray[np.uint16], doc_offsets: NDArray[np.uint16]) -> int:
    """Write the documents of a bitmap to `doc_offsets` and return how many there are."""
    n_found = 0
    for number in range(words.size):
        word = words[number]
        if word == 0:
            continue
        for bit in range(WORD_BITS):
            if (word >> np.uint16(bit)) & np.uint16(1):
                doc_offsets[n_found] = np.uint16(number * WORD_BITS + bit)
                n_found += 1
    return n_found


@numba.njit(cache=True, nogil=True, error_model="numpy")
def offsets_of_list(
    postings: Postings,
    number: int,
    term: int,
    n_docs: int,
    scratch: NDArray[np.uint16],
) -> NDArray[np.uint16]:
    """Return the documents of a list: those stored, or, from a bitmap, written to `scratch`.

    Args:
        postings: posting lists of a segment.
        number: the range.
        term: below the number of terms.
        n_docs: documents of the range.
        scratch: shape (n_docs,) or longer.
    """
    n_ranges = postings.range_lists.size - 1
    place = term * n_ranges + number
    next_place = place + n_ranges
    begin = postings.range_offsets[number] + np.int64(postings.offset_starts[place])
    end = postings.range_offsets[number] + np.int64(postings.offset_starts[next_place])
    stored = postings.doc_offsets[begin:end]
    n_postings = np.int64(postings.list_starts[next_place]) - np.int64(postings.list_starts[place])
    if not is_bitmap(n_postings, n_docs):
        return stored
    return scratch[: unpack_bitmap(stored, scratch)]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def impacts_of_list(postings: Postings, number: int, term: int) -> NDArray[Any]:
    """Return the impacts of a list."""
    n_ranges = postings.range_lists.size - 1
    place = term * n_ranges + number
    begin = postings.range_lists[number] + np.int64(postings.list_starts[place])
    end = postings.range_lists[number] + np.int64(postings.list_starts[place + n_ranges])
    return postings.impacts[begin:end]


def are_offsets_sound(postings: Postings, n_terms: int, number: int, n_docs: int) -> bool:
    """Say whether each list of a range names as many documents as it has impacts, rising.

    Args:
        postings: posting lists of a segment whose starts rise and end with its arrays.
        n_terms: terms of the segment.
        number: the range.
        n_docs: documents of the range.
    """
    scratch = np.empty(n_words(n_docs) * WORD_BITS, dtype=np.uint16)
    return bool(_are_offsets_sound(postings, n_terms, number, n_docs, scratch))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _are_offsets_sound(
    postings: Postings, n_terms: int, number: int, n_docs: int, scratch: NDArray[np.uint16]
) -> bool:
    n_ranges = postings.range_lists.size - 1
    for term in range(n_terms):
        place = term * n_ranges + number
        next_place = place + n_ranges
        size = np.int64(postings.list_starts[next_place]) - np.int64(postings.list_starts[place])
        n_stored = np.int64(postings.offset_starts[next_place]) - np.int64(
            postings.offset_starts[place]
        )
        # The size of a bitmap comes first: unpacking a longer one would overrun `scratch`.
        if n_stored != (n_words(n_docs) if is_bitmap(size, n_docs) else size):
            return False
        offsets = offsets_of_list(postings, number, term, n_docs, scratch)
        if offsets.size != size:
            return False
        for position in range(size):
            if offsets[position] >= n_docs:
                return False
            if position > 0 and offsets[position] <= offsets[position - 1]:
                return False
    return True
