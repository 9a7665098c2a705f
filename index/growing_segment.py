"""How do documents become a segment while more are coming? Ids, texts and rows go their ways.

Ids are remembered until the segment is closed, texts go to the disk, rows wait until their range
is full, and memory decides when there is enough of either.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lsr.documents import Document
from lsr.index.background import Background
from lsr.index.fields import Fields
from lsr.index.impact_coder import ImpactCoder
from lsr.index.manifest import SegmentEntry
from lsr.index.memory import MemoryBudget
from lsr.index.recent_ids import RecentIds
from lsr.index.row_buffer import RowBuffer
from lsr.index.segment_writer import SegmentWriter
from lsr.kernels.postings import RANGE_SIZE
from lsr.sparse import SparseBatch


class GrowingSegment:
    """A segment to which documents are added.

    Args:
        folder: where its files are made.
        name: their common name.
        fields: the index's declared fields.
        coder: turns weights into impacts.
        background: the second thread.
        memory: bounds what waits here.
        dense_size: numbers in a document's dense row; 0 where there are none.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        fields: Fields,
        coder: ImpactCoder,
        background: Background,
        memory: MemoryBudget,
        dense_size: int,
    ) -> None:
        self.ids = RecentIds()
        self.deleted: set[int] = set()
        self._coder = coder
        self._memory = memory
        self._background = background
        self._writer = SegmentWriter(
            folder, name, coder.impact_type, fields, background, dense_size
        )
        self._n_clipped = 0
        self._is_short = False
        self._coded: RowBuffer | None = None
        self._spare: RowBuffer | None = None
        self._buffer = self._next_buffer()

    @property
    def n_docs(self) -> int:
        """Documents so far."""
        return self._writer.n_docs

    @property
    def is_full(self) -> bool:
        """Whether the segment must be closed before more documents come."""
        kept = self.ids.size_bytes + self._writer.kept_bytes
        return self._is_short or kept > self._memory.kept

    def add(
        self,
        documents: Sequence[Document],
        lines: Sequence[bytes],
        vectors: SparseBatch,
        dense: NDArray[np.float32],
        hashes: NDArray[np.uint64],
        n_terms: int,
    ) -> int:
        """Add the first documents of a batch, and return how many: all that there is room for.

        Args:
            documents: ids must be new to the segment.
            lines: the same, as `document_lines` makes them.
            vectors: one row per document.
            dense: their dense rows, shape (n_docs, dense_size).
            hashes: of the documents' ids.
            n_terms: size of the vocabulary.
        """
        n_taken = self._room_for(vectors)
        if n_taken < len(vectors) and self._buffer.n_postings and self._fit():
            n_taken = self._room_for(vectors)
        if n_taken:
            self.ids.add(documents[:n_taken], hashes[:n_taken])
            self._writer.add_ids([one.doc_id for one in documents[:n_taken]], hashes[:n_taken])
            self._writer.add_texts(lines[:n_taken])
            self._writer.add_columns(documents[:n_taken])
            self._writer.add_dense(dense[:n_taken])
            taken = vectors.slice(0, n_taken)
            values = self._coder.code(taken.weights) if self._is_coded else taken.weights
            self._buffer.append(taken.indptr, taken.terms, values)
        if self._buffer.is_full:
            self._end_range(n_terms)
        elif n_taken < len(vectors):
            # Only the last range of a segment may be short, so this one is the last.
            self._end_range(n_terms)
            self._is_short = True
        return n_taken

    def close(self, n_terms: int) -> SegmentEntry:
        """Finish the segment."""
        if self._buffer.n_docs:
            self._end_range(n_terms)
        return self._writer.close(n_terms, self._n_clipped)

    def abandon(self) -> None:
        """Let go of the files without finishing them."""
        self._writer.abandon()

    def _room_for(self, vectors: SparseBatch) -> int:
        """Return how many rows fit the range, in documents and, beyond the first, in bytes."""
        n_rows = min(len(vectors), RANGE_SIZE - self._buffer.n_docs)
        posting_bytes = 4 + self._buffer.dtype.itemsize
        room = (self._memory.rows - self._buffer.size_bytes) // posting_bytes
        n_fitting = int(np.searchsorted(vectors.indptr, room, side="right")) - 1
        return min(n_rows, max(n_fitting, 0 if self._buffer.n_docs else 1))

    def _end_range(self, n_terms: int) -> None:
        """Send the rows on, and go on with an empty buffer."""
        if self._coded:
            self._background.finish()
        self._fit()
        self._n_clipped += self._coder.checked()
        self._coded = self._buffer
        self._writer.add_range(self._buffer.rows, n_terms, self._reuse)
        self._buffer = self._next_buffer()

    @property
    def _is_coded(self) -> bool:
        """Whether the rows that wait are impacts already."""
        return self._buffer.dtype == self._coder.impact_type

    def _fit(self) -> bool:
        """Fit the scale to the weights that wait, if it is not known, and say so."""
        if self._is_coded:
            return False
        indptr, terms, weights = self._buffer.rows
        self._coder.fit(weights)
        self._buffer = RowBuffer(self._coder.impact_type)
        self._buffer.append(indptr, terms, self._coder.code(weights))
        return True

    def _reuse(self) -> None:
        self._spare, self._coded = self._coded, None

    def _next_buffer(self) -> RowBuffer:
        wanted = np.dtype(self._coder.impact_type if self._coder.is_ready else np.float32)
        spare, self._spare = self._spare, None
        if spare is None or spare.dtype != wanted:
            return RowBuffer(wanted)
        spare.clear()
        return spare
