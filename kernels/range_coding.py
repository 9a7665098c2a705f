"""Turn the documents of a range into posting lists, and back.

Documents arrive in order, so a counting sort by term that keeps the order of equal keys leaves
every posting list sorted by document: two passes over the postings, no comparison. The way back
visits the lists by term, so that terms rise in every row again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.kernels._compile import kernel
from lsr.kernels.lists import impacts_of_list, is_bitmap, n_words, offsets_of_list
from lsr.kernels.postings import KTH, WORD_BITS, PostingRange, Postings

Rows = tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[Any]]
"""Documents in CSR form: indptr, terms and impacts."""


def encode_range_reference(
    indptr: NDArray[np.int64], terms: NDArray[np.uint32], impacts: NDArray[Any], n_terms: int
) -> PostingRange:
    """Say in NumPy what `encode_range` must return."""
    n_docs = indptr.size - 1
    doc_numbers = np.repeat(np.arange(n_docs), np.diff(indptr))
    order = np.argsort(terms, kind="stable")
    counts = np.bincount(terms, minlength=n_terms)
    parts = [np.zeros(0, dtype=np.uint16)] * n_terms
    for term in np.flatnonzero(counts).tolist():
        docs = doc_numbers[terms == term]
        if docs.size > n_docs // 10:
            bits = np.zeros(-(-n_docs // 16) * 16, dtype=bool)
            bits[docs] = True
            parts[term] = np.packbits(bits, bitorder="little").view("<u2").astype(np.uint16)
        else:
            parts[term] = docs.astype(np.uint16)
    sizes = [one.size for one in parts]
    return PostingRange(
        np.cumsum([0, *counts]).astype(np.uint32),
        np.cumsum([0, *sizes]).astype(np.uint32),
        np.concatenate([*parts, np.zeros(0, dtype=np.uint16)]),
        impacts[order],
    )


def encode_range(
    indptr: NDArray[np.int64], terms: NDArray[np.uint32], impacts: NDArray[Any], n_terms: int
) -> PostingRange:
    """Return the posting lists of at most `RANGE_SIZE` documents.

    Args:
        indptr: shape (n_docs + 1,), rows of `terms` and `impacts`, one document a row.
        terms: shape (nnz,), below `n_terms`, distinct in a row.
        impacts: shape (nnz,), uint8 or float32, above zero.
        n_terms: size of the vocabulary.
    """
    list_starts = np.zeros(n_terms + 1, dtype=np.uint32)
    offset_starts = np.zeros(n_terms + 1, dtype=np.uint32)
    _lay_out(terms, indptr.size - 1, list_starts, offset_starts)
    doc_offsets = np.zeros(int(offset_starts[-1]), dtype=np.uint16)
    sorted_impacts = np.empty_like(impacts)
    coded = PostingRange(list_starts, offset_starts, doc_offsets, sorted_impacts)
    _encode(indptr, terms, impacts, coded)
    return coded


def decode_range(postings: Postings, number: int, n_docs: int, n_terms: int) -> Rows:
    """Return the documents of a range as rows, terms rising in each.

    Args:
        postings: posting lists of a segment.
        number: the range.
        n_docs: its documents.
        n_terms: terms of the segment.
    """
    n_postings = int(postings.range_lists[number + 1] - postings.range_lists[number])
    indptr = np.zeros(n_docs + 1, dtype=np.int64)
    terms = np.empty(n_postings, dtype=np.uint32)
    impacts = np.empty(n_postings, dtype=postings.impacts.dtype)
    _decode(postings, number, n_terms, np.empty(n_docs, dtype=np.uint16), indptr, terms, impacts)
    return indptr, terms, impacts


def list_maxima(coded: PostingRange) -> NDArray[Any]:
    """Return the largest impact of each list, 0 for an empty one: shape (n_terms,)."""
    maxima = np.zeros(coded.list_starts.size - 1, dtype=coded.impacts.dtype)
    _list_maxima(coded, maxima)
    return maxima


def kth_impacts(coded: PostingRange) -> NDArray[np.uint8]:
    """Return the 10th, 100th and 1000th largest impact of each list: shape (3, n_terms).

    0 stands where a list is shorter. Only for impacts of 8 bits.
    """
    found = np.zeros((len(KTH), coded.list_starts.size - 1), dtype=np.uint8)
    _kth_impacts(coded, np.array(KTH), found)
    return found


@kernel
def _lay_out(
    terms: NDArray[np.uint32],
    n_docs: int,
    list_starts: NDArray[np.uint32],
    offset_starts: NDArray[np.uint32],
) -> None:
    # 1. Count the postings of each list, one place to the right.
    for position in range(terms.size):
        list_starts[terms[position] + np.uint32(1)] += np.uint32(1)
    # 2. Sum up: starts of lists.
    words = n_words(n_docs)
    for term in range(1, list_starts.size):
        count = np.int64(list_starts[term])
        size = words if count and is_bitmap(count, n_docs) else count
        list_starts[term] = np.uint32(np.int64(list_starts[term - 1]) + count)
        offset_starts[term] = np.uint32(np.int64(offset_starts[term - 1]) + size)


@kernel
def _encode(
    indptr: NDArray[np.int64], terms: NDArray[np.uint32], impacts: NDArray[Any], coded: PostingRange
) -> None:
    n_docs = indptr.size - 1
    free = coded.list_starts[:-1].copy()
    for doc in range(n_docs):
        for position in range(indptr[doc], indptr[doc + 1]):
            term = terms[position]
            place = free[term]
            free[term] = place + np.uint32(1)
            coded.impacts[place] = impacts[position]
            begin = coded.list_starts[term]
            first = coded.offset_starts[term]
            if is_bitmap(np.int64(coded.list_starts[term + np.uint32(1)]) - begin, n_docs):
                word = np.int64(first) + doc // WORD_BITS
                coded.doc_offsets[word] |= np.uint16(1 << (doc % WORD_BITS))
            else:
                coded.doc_offsets[np.int64(first) + np.int64(place - begin)] = np.uint16(doc)


@kernel
def _decode(
    postings: Postings,
    number: int,
    n_terms: int,
    scratch: NDArray[np.uint16],
    indptr: NDArray[np.int64],
    terms: NDArray[np.uint32],
    impacts: NDArray[Any],
) -> None:
    n_docs = scratch.size
    # 1. Count the terms of each document, one place to the right, and sum up.
    for term in range(n_terms):
        for offset in offsets_of_list(postings, number, term, n_docs, scratch):
            indptr[np.int64(offset) + 1] += 1
    for doc in range(n_docs):
        indptr[doc + 1] += indptr[doc]
    # 2. Put each posting at the next free place of its document.
    free = indptr[:-1].copy()
    for term in range(n_terms):
        offsets = offsets_of_list(postings, number, term, n_docs, scratch)
        of_list = impacts_of_list(postings, number, term)
        for position in range(of_list.size):
            doc = offsets[position]
            terms[free[doc]] = term
            impacts[free[doc]] = of_list[position]
            free[doc] += 1


@kernel
def _list_maxima(coded: PostingRange, maxima: NDArray[Any]) -> None:
    for term in range(maxima.size):
        for position in range(coded.list_starts[term], coded.list_starts[term + 1]):
            maxima[term] = max(maxima[term], coded.impacts[position])


@kernel
def _kth_impacts(coded: PostingRange, ranks: NDArray[np.int64], found: NDArray[np.uint8]) -> None:
    counts = np.zeros(256, dtype=np.int64)
    for term in range(found.shape[1]):
        begin, end = coded.list_starts[term], coded.list_starts[term + 1]
        if end - begin < ranks[0]:
            continue
        counts[:] = 0
        for position in range(begin, end):
            counts[coded.impacts[position]] += 1
        n_above, impact = 0, 256
        for rank in range(ranks.size):
            # Impacts fall until as many postings as the rank says are at least as large.
            while n_above < ranks[rank] and impact > 0:
                impact -= 1
                n_above += counts[impact]
            found[rank, term] = impact if n_above >= ranks[rank] else 0
