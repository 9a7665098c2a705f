"""How do many segments become one? By gathering the impacts of the documents that are left.

Impacts are copied, not quantized again, and documents keep their order, so a merged segment gives
the same scores and the same order among ties as the segments it came from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from lsr.documents import Document
from lsr.index.segment import Segment
from lsr.kernels import RANGE_SIZE


def live_rows(
    segments: Sequence[Segment],
) -> tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.uint8]]:
    """Return the documents that are not deleted as CSR rows: indptr, terms and impacts.

    Rows follow the order of segments and, in each, of document numbers; terms rise in a row.
    """
    parts = [_rows(segment) for segment in segments]
    sizes = np.concatenate([sizes for sizes, _, _ in parts])
    indptr = np.zeros(sizes.size + 1, dtype=np.int64)
    np.cumsum(sizes, out=indptr[1:])
    return (
        indptr,
        np.concatenate([terms for _, terms, _ in parts]),
        np.concatenate([impacts for _, _, impacts in parts]),
    )


def live_documents(segments: Sequence[Segment]) -> Iterator[Document]:
    """Yield the stored documents that are not deleted, in order."""
    for segment in segments:
        for number in range(segment.n_docs):
            if not segment.is_deleted(number):
                yield segment.documents[number]


def _rows(segment: Segment) -> tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.uint8]]:
    """Turn posting lists back into rows: number of terms of each live document, terms, impacts."""
    segment.check()
    postings, n_terms = segment.postings, segment.n_terms
    list_of = np.repeat(np.arange(postings.indptr.size - 1), np.diff(postings.indptr))
    doc_numbers = list_of // n_terms * RANGE_SIZE + postings.doc_offsets
    is_live = np.ones(segment.n_docs, dtype=bool)
    is_live[segment.deleted] = False
    kept = is_live[doc_numbers]
    # Lists are in order of terms, so a stable sort by document leaves terms rising in each row.
    order = np.argsort(doc_numbers[kept], kind="stable")
    sizes = np.bincount(doc_numbers[kept], minlength=segment.n_docs)[is_live]
    terms = (list_of[kept] % n_terms)[order].astype(np.uint32)
    return sizes, terms, postings.impacts[kept][order]
