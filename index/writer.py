"""How do documents get in? Through one writer, segment by segment, visible after `commit`.

Documents go to a segment that grows; the manifest that names the new segments is written last.
Until then the index is what it was, whatever happens.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.documents import Document
from lsr.errors import (
    DiskFullError,
    DuplicateIdError,
    InvalidInputError,
    UnsyncedError,
)
from lsr.index.background import Background
from lsr.index.checkpoint import (
    Checkpoint,
    read_checkpoint,
    refuse_unfinished,
    remove_checkpoint,
    write_checkpoint,
)
from lsr.index.dense_half import checked_dense_rows
from lsr.index.doc_ids import hash_ids
from lsr.index.document_store import document_lines
from lsr.index.duplicates import Holder, duplicate_errors
from lsr.index.failure import ends_writer_on
from lsr.index.fields import Fields, document_values
from lsr.index.growing_segment import GrowingSegment
from lsr.index.impact_coder import ImpactCoder, WeightType
from lsr.index.manifest import (
    SEGMENT_FOLDER,
    Manifest,
    is_index,
    read_manifest,
    remove_orphans,
    write_manifest,
)
from lsr.index.memory import MemoryBudget
from lsr.index.segment_set import FileNames, Place, SegmentSet
from lsr.index.storage import sync_folder
from lsr.index.vocabulary import Vocabulary
from lsr.index.vocabulary_file import write_vocabulary
from lsr.sparse import SparseBatch

logger = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 60.0
"""Work that an interruption may cost, where checkpoints are taken."""

_GROWING = -1
"""Number of the segment that grows, in a `Place`."""


class IndexWriter:
    """Change an index. Use as a context manager; leaving it without `commit` drops the changes.

    The caller holds the index's `write_lock`, and took `manifest` while holding it.

    Args:
        path: folder of the index.
        manifest: the commit to build on; None for a new index.
        vocabulary: terms of the index; grows as documents come, where its kind allows.
        max_weight: the quantizer's range; None to fit it to the first documents.
        encoder: settings of the encoder, to store.
        properties: free text to store.
        fields: metadata that filters can name; stored as columns.
        replace: publish only the new documents, in place of what is there.
        weights: what to store of document weights.
        prune: the rule by which the caller leaves document weights out, to store.
        dense_size: numbers in the dense row that comes with every document; 0 where none does.
        memory: bounds what the writer holds; None for a quarter of the machine's.
        resume: an interrupted build to go on with; settings and vocabulary are those of its draft.
        discard: drop an interrupted build that is in the way.
    """

    def __init__(
        self,
        path: Path,
        manifest: Manifest | None,
        vocabulary: Vocabulary,
        *,
        max_weight: float | None,
        encoder: dict[str, object] | None,
        properties: dict[str, str],
        fields: Fields | None = None,
        replace: bool = False,
        weights: WeightType = WeightType.UINT8,
        prune: str | None = None,
        dense_size: int = 0,
        memory: MemoryBudget | None = None,
        resume: Checkpoint | None = None,
        discard: bool = False,
    ) -> None:
        self.path = path
        self.vocabulary = vocabulary
        self.manifest = manifest
        self.failure: str | None = None
        self._weights = weights
        self._coder = ImpactCoder(weights, max_weight)
        self._encoder = encoder
        self._properties = properties
        self._fields = dict(fields or {})
        self.prune = prune
        self.dense_size = dense_size
        self._memory = memory or MemoryBudget.default()
        self._background = Background(self._memory.waiting)
        self._replaces = replace
        self.resumed = resume
        self._discards = discard
        start = resume.draft if resume else manifest
        self._vocabulary_entry = start.vocabulary if start else None
        self._names = FileNames(start.next_file_number if start else 1)
        self._segments = SegmentSet(
            path,
            start.segments if start and (resume or not replace) else [],
            self._fields,
            self._names,
            self._background,
            0 if replace or not manifest else len(manifest.segments),
            dense_size,
        )
        self._growing: GrowingSegment | None = None
        self._free: Sequence[Document] | None = None  # looked at, and found without duplicates
        self._is_committed = False
        self._n_kept = len(self._segments)
        self._kept_at = time.monotonic()

    def __enter__(self) -> IndexWriter:
        if not self.resumed:
            if not self._discards:
                refuse_unfinished(self.path)
            remove_checkpoint(self.path)
        remove_orphans(self.path, self.manifest, self.resumed.draft if self.resumed else None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None and self._is_committed:
                self._tidy_up()
        finally:
            self._background.close()
            if self._growing:
                self._growing.abandon()
            self._segments.close()
            # What the disk says counts: a commit may have been published just before it failed.
            published = read_manifest(self.path) if is_index(self.path) else None
            unfinished = read_checkpoint(self.path)
            remove_orphans(self.path, published, unfinished.draft if unfinished else None)

    @property
    def is_checkpoint_due(self) -> bool:
        """Whether enough was done since the last checkpoint to take another."""
        is_late = time.monotonic() - self._kept_at >= CHECKPOINT_SECONDS
        return len(self._segments) > self._n_kept or (is_late and self._growing is not None)

    def add(
        self,
        documents: Sequence[Document],
        vectors: SparseBatch,
        dense: NDArray[np.float32] | None = None,
        *,
        update: bool = False,
    ) -> None:
        """Add documents with their vectors, in the index's vocabulary.

        Args:
            documents: ids must be new to the index, or to this writer with `update`.
            vectors: one row per document.
            dense: their dense rows, of length 1, or 0 for a text without tokens; shape (n_docs,
                dense_size).
            update: delete documents of the index that have the id of a new one.

        Raises:
            DuplicateIdError: an id is in the index already, or occurs twice.
            InvalidInputError: the weights are of another scale than the quantizer was made for,
                a declared field has a value of another kind, or the dense rows do not fit.
        """
        if len(documents) != len(vectors):
            raise InvalidInputError(
                f"There are {len(documents)} documents but {len(vectors)} vectors."
            )
        rows = checked_dense_rows(dense, len(documents), self.dense_size)
        if documents is not self._free:
            for _, error in self.duplicates(documents, update=update):
                raise error
        self._free = None
        for document in documents if self._fields else []:
            document_values(document, self._fields)
        self._take(documents, document_lines(documents), vectors, rows, update=update)

    def delete(self, doc_id: str) -> bool:
        """Delete a document and say whether there was one.

        It takes effect with `commit`; the id may be added again at once.
        """
        return bool(self._delete([doc_id], hash_ids([doc_id])))

    @ends_writer_on(UnsyncedError)
    def merge(self) -> bool:
        """Make one segment of all, without the deleted documents; scores and ties stay.

        Returns:
            Whether there was anything to do.
        """
        self._flush()
        is_changed = self._segments.merge()
        self._is_committed = self._is_committed and not is_changed
        return is_changed

    @ends_writer_on(BaseException)
    def commit(self, notes: Mapping[str, str] | None = None) -> Manifest:
        """Publish the changes made so far and return the new manifest.

        When this returns, they survive a crash. If it fails, the index is what it was, or, when
        only the last sync failed, already the new commit.

        Args:
            notes: free text to store with the index from this commit on, by name.
        """
        self._properties = {**self._properties, **(notes or {})}
        self._flush()
        self._segments.drop_empty()
        self._segments.settle()
        manifest = self._draft()
        write_manifest(self.path, manifest)
        self.manifest = manifest
        self._replaces = False
        self._segments.n_published = self._n_kept = len(self._segments)
        self._is_committed = True
        remove_checkpoint(self.path)
        remove_orphans(self.path, manifest)
        return manifest

    @ends_writer_on(BaseException)
    def checkpoint(self, progress: dict[str, Any]) -> None:
        """Keep what was done so far, unpublished, so that another writer can go on from here.

        Args:
            progress: how far the input was read, for that writer.
        """
        self._flush()
        self._segments.merge_small(self._segments.n_published)
        self._segments.settle()
        checkpoint = Checkpoint(
            base_commit=self.manifest.commit if self.manifest else 0,
            replaces=self._replaces,
            draft=self._draft(),
            n_docs=self._segments.n_new,
            progress=progress,
        )
        write_checkpoint(self.path, checkpoint)
        self._n_kept = len(self._segments)
        self._kept_at = time.monotonic()
        remove_orphans(self.path, self.manifest, checkpoint.draft)

    def duplicates(
        self, documents: Sequence[Document], *, update: bool = False
    ) -> list[tuple[int, DuplicateIdError]]:
        """Return the rows of documents whose id is taken, with the error that says by what.

        Args:
            documents: documents to be added.
            update: let pass the ids of committed documents, which are to be replaced.
        """
        hashes = hash_ids([document.doc_id for document in documents])
        found = self._find([document.doc_id for document in documents], hashes)
        taken = {row: self._holder(place) for row, place in found.items()}
        errors = duplicate_errors(documents, hashes, taken, update=update)
        self._free = None if errors else documents
        return errors

    @ends_writer_on(BaseException)
    def _take(
        self,
        documents: Sequence[Document],
        lines: Sequence[bytes],
        vectors: SparseBatch,
        dense: NDArray[np.float32],
        *,
        update: bool,
    ) -> None:
        """Add documents whose ids are free, but for those that they replace."""
        self._is_committed = False
        doc_ids = [document.doc_id for document in documents]
        hashes = hash_ids(doc_ids)
        if update:
            self._delete(doc_ids, hashes)
        growing = self._growing
        if growing and growing.deleted and growing.ids.find(doc_ids, hashes):
            # It was deleted in the segment that grows, and an id may stand in a segment once.
            self._flush()
        begin, end = 0, len(documents)
        while begin < end:
            growing = self._growing = self._growing or GrowingSegment(
                self.path / SEGMENT_FOLDER,
                self._names.new(),
                self._fields,
                self._coder,
                self._background,
                self._memory,
                self.dense_size,
            )
            begin += growing.add(
                documents[begin:],
                lines[begin:],
                vectors.slice(begin, end),
                dense[begin:],
                hashes[begin:],
                self.vocabulary.n_terms,
            )
            if growing.is_full:
                self._flush()

    def _delete(self, doc_ids: Sequence[str], hashes: NDArray[np.uint64]) -> int:
        found = self._find(doc_ids, hashes)
        for place in found.values():
            self._is_committed = False
            if place.segment == _GROWING and self._growing:
                self._growing.deleted.add(place.doc_number)
            else:
                self._segments.delete(place)
        return len(found)

    def _find(self, doc_ids: Sequence[str], hashes: NDArray[np.uint64]) -> dict[int, Place]:
        """Return where the document of each row is whose id is found and not deleted."""
        found = self._segments.find(doc_ids, hashes)
        if self._growing:
            for row, number in self._growing.ids.find(doc_ids, hashes).items():
                if number not in self._growing.deleted:
                    found[row] = Place(_GROWING, number)
        return found

    def _holder(self, place: Place) -> Holder:
        """Say what has an id that is found."""
        if place.segment == _GROWING and self._growing:
            return Holder(is_new=True, place=self._growing.ids.place(place.doc_number))
        return Holder(is_new=place.segment >= self._segments.n_published)

    @ends_writer_on(BaseException)
    def _flush(self) -> None:
        """Close the segment that grows; nothing refers to it yet."""
        if self._growing:
            entry = self._growing.close(self.vocabulary.n_terms)
            self._segments.append(entry, self._growing.deleted)
            self._growing = None

    def _tidy_up(self) -> None:
        """Merge what should be merged, in a commit of its own that changes no answer."""
        try:
            if self._segments.merge_small(self._segments.n_sharded):
                self.commit()
        except DiskFullError as error:
            logger.warning("All documents are committed, but segments were not merged: %s", error)

    def _draft(self) -> Manifest:
        """Return what a commit would publish, all of whose files are on the disk."""
        self._vocabulary_entry = write_vocabulary(
            self.path / SEGMENT_FOLDER, self._names.new, self.vocabulary, self._vocabulary_entry
        )
        sync_folder(self.path / SEGMENT_FOLDER)
        return Manifest(
            commit=self.manifest.commit + 1 if self.manifest else 1,
            next_file_number=self._names.next_number,
            weights=self._weights,
            max_weight=self._coder.max_weight,
            prune=self.prune,
            vocabulary=self._vocabulary_entry,
            encoder=self._encoder,
            properties=self._properties,
            fields=self._fields,
            dense_size=self.dense_size,
            segments=self._segments.entries,
        )
