"""How does a kernel read a posting list? The layout of postings.py, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.kernels._compile import kernel
from lsr.kernels.postings import DENSE_SHARE, WORD_BITS, Postings


@kernel
def is_bitmap(n_postings: int, n_docs: int) -> bool:
    """Say whether a list of a range of `n_docs` documents is stored as a bitmap."""
    return n_postings > n_docs // DENSE_SHARE


@kernel
def n_words(n_docs: int) -> int:
    """Return how many words a bitmap of a range of `n_docs` documents takes."""
    return (n_docs + WORD_BITS - 1) // WORD_BITS


@kernel
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


@kernel
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


@kernel
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


@kernel
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
