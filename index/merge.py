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
from lsr.kernels import RANGE_SIZE, decode_range, n_ranges


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
    parts = []
    for number in range(n_ranges(segment.n_docs)):
        n_docs = min(RANGE_SIZE, segment.n_docs - number * RANGE_SIZE)
        parts.append(decode_range(segment.postings, number, n_docs, segment.n_terms))
    sizes = np.concatenate([np.diff(indptr) for indptr, _, _ in parts])
    is_live = np.ones(segment.n_docs, dtype=bool)
    is_live[segment.deleted] = False
    kept = np.repeat(is_live, sizes)
    terms = np.concatenate([terms for _, terms, _ in parts])
    impacts = np.concatenate([impacts for _, _, impacts in parts])
    return sizes[is_live], terms[kept], impacts[kept]
