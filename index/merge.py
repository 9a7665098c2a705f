"""How do many segments become one? Range by range, by copying what is left of them.

Impacts are copied, not quantized again, and documents keep their order, so a merged segment gives
the same scores and the same order among ties as the segments it came from. One range is held in
memory as rows, however many terms its documents have.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lsr.index.contents import live_rows
from lsr.index.dense_half import BLOCK_DOCS
from lsr.index.document_store import BATCH_DOCS
from lsr.index.row_buffer import RowBuffer
from lsr.index.segment import Segment
from lsr.index.segment_writer import SegmentWriter
from lsr.kernels.postings import RANGE_SIZE, PostingRange, n_ranges

_TEXT_DOCS = 32 * BATCH_DOCS
"""Documents that are compressed at once."""


def copy_segments(
    segments: Sequence[Segment], writer: SegmentWriter, impact_type: DTypeLike, n_terms: int
) -> None:
    """Copy the documents that are not deleted to a new segment, in order.

    Args:
        segments: where the documents are.
        writer: what they go to.
        impact_type: type of the impacts.
        n_terms: size of the vocabulary.

    Raises:
        CorruptIndexError: bytes about to be copied are not those that were written.
    """
    rows = _RangeCopier(writer, impact_type, n_terms)
    all_live = [segment.live_mask() for segment in segments]
    columns = [segment.columns for segment in segments if segment.columns]
    writer.copy_columns(columns, np.flatnonzero(np.concatenate(all_live)))
    for segment, is_live in zip(segments, all_live, strict=True):
        _copy_ids(segment, is_live, writer)
        _copy_texts(segment, is_live, writer)
        _copy_dense(segment, is_live, writer)
        for number in range(n_ranges(segment.n_docs)):
            rows.copy(segment, number, is_live[number * RANGE_SIZE :][:RANGE_SIZE])
    rows.finish()


def _copy_ids(segment: Segment, is_live: NDArray[np.bool_], writer: SegmentWriter) -> None:
    arrays = segment.arrays
    for name in ("doc_id_hashes", "doc_id_numbers", "doc_id_offsets"):
        arrays[name].check()
    hashes = np.empty(segment.n_docs, dtype=np.uint64)
    hashes[arrays["doc_id_numbers"].values] = arrays["doc_id_hashes"].values
    for begin in range(0, segment.n_docs, RANGE_SIZE):
        offsets = arrays["doc_id_offsets"].values[begin : begin + RANGE_SIZE + 1]
        first, last = int(offsets[0]), int(offsets[-1])
        arrays["doc_id_bytes"].check(first, last)
        content = arrays["doc_id_bytes"].values[first:last]
        lengths = np.diff(offsets).astype(np.uint32)
        kept = is_live[begin : begin + RANGE_SIZE]
        writer.add_encoded_ids(
            content[np.repeat(kept, lengths)],
            lengths[kept],
            hashes[begin : begin + RANGE_SIZE][kept],
        )


def _copy_texts(segment: Segment, is_live: NDArray[np.bool_], writer: SegmentWriter) -> None:
    held: list[bytes] = []
    for number in range(segment.documents.n_batches):
        kept = is_live[number * BATCH_DOCS :][:BATCH_DOCS]
        if kept.size == BATCH_DOCS and kept.all() and writer.is_even and not held:
            writer.add_encoded_texts(segment.documents.encoded(number).data)
            continue
        held += compress(segment.documents.lines(number), kept.tolist())
        if len(held) >= _TEXT_DOCS or writer.is_even:
            writer.add_texts(held)
            held = []
    writer.add_texts(held)


def _copy_dense(segment: Segment, is_live: NDArray[np.bool_], writer: SegmentWriter) -> None:
    if segment.dense is None:
        return
    for begin in range(0, segment.n_docs, BLOCK_DOCS):
        kept = is_live[begin : begin + BLOCK_DOCS]
        writer.add_dense(segment.dense.rows(begin, begin + kept.size)[kept])


class _RangeCopier:
    """Copies ranges of many segments, filling each of the new segment."""

    def __init__(self, writer: SegmentWriter, impact_type: DTypeLike, n_terms: int) -> None:
        self._writer = writer
        self._n_terms = n_terms
        self._impact_type = impact_type
        self._buffer = RowBuffer(impact_type)

    def copy(self, segment: Segment, number: int, is_live: NDArray[np.bool_]) -> None:
        """Copy the live documents of a range."""
        segment.check_range(number)
        if is_live.size == RANGE_SIZE and is_live.all() and self._buffer.n_docs == 0:
            self._writer.add_coded_range(_stored_range(segment, number))
            return
        from lsr.kernels.range_coding import decode_range

        rows = decode_range(segment.postings, number, is_live.size, segment.n_terms)
        indptr, terms, impacts = live_rows(rows, is_live)
        begin = 0
        while begin < indptr.size - 1:
            end = min(indptr.size - 1, begin + RANGE_SIZE - self._buffer.n_docs)
            span = slice(indptr[begin], indptr[end])
            self._buffer.append(indptr[begin : end + 1] - indptr[begin], terms[span], impacts[span])
            if self._buffer.is_full:
                self.finish()
            begin = end

    def finish(self) -> None:
        """Send the rows that wait on their way."""
        if self._buffer.n_docs:
            self._writer.add_range(self._buffer.rows, self._n_terms, lambda: None)
            self._buffer = RowBuffer(self._impact_type)


def _stored_range(segment: Segment, number: int) -> PostingRange:
    """Return a range as it is stored."""
    postings = segment.postings
    tables = slice(number, None, n_ranges(segment.n_docs))

    def part(values: NDArray[Any], starts: NDArray[np.int64]) -> NDArray[Any]:
        return values[starts[number] : starts[number + 1]]

    return PostingRange(
        postings.list_starts[tables],
        postings.offset_starts[tables],
        part(postings.doc_offsets, postings.range_offsets),
        part(postings.impacts, postings.range_lists),
    )
