"""How do documents get in? Through one writer, segment by segment, visible after `commit`.

Documents go to a segment that grows; the manifest that names the new segments is written last.
Until then the index is what it was, whatever happens.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace as replaced
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Concatenate, ParamSpec, TypeVar

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lsr.documents import Document
from lsr.errors import DuplicateIdError, IndexStorageError, InvalidInputError, UnsyncedError
from lsr.index.array_file import write_arrays
from lsr.index.background import Background
from lsr.index.doc_ids import DocIds, hash_ids
from lsr.index.document_store import document_rows
from lsr.index.fields import Fields
from lsr.index.growing_segment import GrowingSegment
from lsr.index.impact_coder import ImpactCoder, WeightType
from lsr.index.manifest import (
    SEGMENT_FOLDER,
    Manifest,
    VocabularyEntry,
    is_index,
    read_manifest,
    remove_orphans,
    write_manifest,
)
from lsr.index.memory import MemoryBudget
from lsr.index.merge import copy_segments
from lsr.index.recent_ids import RecentIds
from lsr.index.segment import Segment, open_segment, write_deleted
from lsr.index.segment_writer import SegmentWriter
from lsr.index.storage import sync_folder
from lsr.index.string_table import StringTable
from lsr.index.vocabulary import Vocabulary, VocabularyKind
from lsr.sparse import SparseBatch

logger = logging.getLogger(__name__)

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")
_Step = Callable[Concatenate["IndexWriter", _Arguments], _Result]


def _ends_writer_on(
    errors: type[BaseException],
) -> Callable[[_Step[_Arguments, _Result]], _Step[_Arguments, _Result]]:
    """Make a step that fails with `errors` the last of its writer.

    A step that broke off leaves files of which nobody knows how much was written.
    """

    def decorate(step: _Step[_Arguments, _Result]) -> _Step[_Arguments, _Result]:
        @wraps(step)
        def guarded(
            writer: IndexWriter, /, *args: _Arguments.args, **kwargs: _Arguments.kwargs
        ) -> _Result:
            if writer.failure is not None:
                raise IndexStorageError(
                    f"This writer failed before: {writer.failure} Leave it and open another."
                )
            try:
                return step(writer, *args, **kwargs)
            except errors as error:
                writer.failure = str(error) or type(error).__name__
                raise

        return guarded

    return decorate


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
        replace: publish only the new documents, in place of what is there.
        weights: what to store of document weights.
        prune: the rule by which the caller leaves document weights out, to store.
        fields: metadata that filters can name; stored as columns.
        memory: bounds what the writer holds; None for a quarter of the machine's.
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
        replace: bool = False,
        weights: WeightType = WeightType.UINT8,
        prune: str | None = None,
        fields: Fields | None = None,
        memory: MemoryBudget | None = None,
    ) -> None:
        self.path = path
        self.vocabulary = vocabulary
        self.failure: str | None = None
        self._manifest = manifest
        self._weights = weights
        self._coder = ImpactCoder(weights, max_weight)
        self._encoder = encoder
        self._properties = properties
        self._prune = prune
        self._fields = dict(fields or {})
        self._file_number = manifest.next_file_number if manifest else 1
        kept = manifest.segments if manifest and not replace else []
        self._segments = [open_segment(path, entry, self._fields) for entry in kept]
        self._deleted = [set(segment.deleted.tolist()) for segment in self._segments]
        self._n_published = len(self._segments)
        self._growing: GrowingSegment | None = None
        self._free: Sequence[Document] | None = None  # looked at, and found without duplicates
        self._memory = memory or MemoryBudget.default()
        self._background = Background(self._memory.waiting)

    def __enter__(self) -> IndexWriter:
        remove_orphans(self.path, self._manifest)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._background.close()
        if self._growing:
            self._growing.abandon()
        self._segments = []
        # What the disk says counts: a commit may have been published just before it failed.
        remove_orphans(self.path, read_manifest(self.path) if is_index(self.path) else None)

    def add(
        self, documents: Sequence[Document], vectors: SparseBatch, *, update: bool = False
    ) -> None:
        """Add documents with their vectors, in the index's vocabulary.

        Args:
            documents: ids must be new to the index, or to this writer with `update`.
            vectors: one row per document.
            update: delete documents of the index that have the id of a new one.

        Raises:
            DuplicateIdError: an id is in the index already, or occurs twice.
            InvalidInputError: the weights are of another scale than the quantizer was made for.
        """
        if len(documents) != len(vectors):
            raise InvalidInputError(
                f"There are {len(documents)} documents but {len(vectors)} vectors."
            )
        if documents is not self._free:
            for _, error in self.duplicates(documents, update=update):
                raise error
        self._free = None
        self._take(documents, document_rows(documents), vectors, update=update)

    def delete(self, doc_id: str) -> bool:
        """Delete a document and say whether there was one.

        It takes effect with `commit`; the id may be added again at once.
        """
        return bool(self._delete([doc_id], hash_ids([doc_id])))

    @_ends_writer_on(UnsyncedError)
    def merge(self) -> bool:
        """Make one segment of all, without the deleted documents; scores and ties stay.

        Returns:
            Whether there was anything to do.
        """
        self._flush()
        if len(self._segments) < 2 and not any(self._deleted):
            return False
        self._merge(0, len(self._segments))
        return True

    @_ends_writer_on(BaseException)
    def commit(self) -> Manifest:
        """Publish the changes made so far and return the new manifest.

        When this returns, they survive a crash. If it fails, the index is what it was, or, when
        only the last sync failed, already the new commit.
        """
        self._flush()
        for number, segment in reversed(list(enumerate(self._segments))):
            if len(self._deleted[number]) == segment.n_docs:
                del self._segments[number], self._deleted[number]
        self._segments = [self._settled(number) for number in range(len(self._segments))]
        vocabulary = self._write_vocabulary()
        sync_folder(self.path / SEGMENT_FOLDER)
        manifest = Manifest(
            commit=self._manifest.commit + 1 if self._manifest else 1,
            next_file_number=self._file_number,
            weights=self._weights,
            max_weight=self._coder.max_weight,
            prune=self._prune,
            fields=self._fields,
            vocabulary=vocabulary,
            encoder=self._encoder,
            properties=self._properties,
            segments=[segment.entry for segment in self._segments],
        )
        write_manifest(self.path, manifest)
        self._manifest = manifest
        self._n_published = len(self._segments)
        remove_orphans(self.path, manifest)
        return manifest

    def duplicates(
        self, documents: Sequence[Document], *, update: bool = False
    ) -> Iterator[tuple[int, DuplicateIdError]]:
        """Yield the rows of documents whose id is taken, with the error that says by what.

        Args:
            documents: documents to be added.
            update: let pass the ids of committed documents, which are to be replaced.
        """
        doc_ids = [document.doc_id for document in documents]
        hashes = hash_ids(doc_ids)
        taken = self._find(doc_ids, hashes)
        suspects = sorted(taken.keys() | _repeated(hashes))
        self._free = None if suspects else documents
        places: dict[str, str] = {}
        for row in suspects:
            doc_id, place = doc_ids[row], documents[row].place or f"document {row}"
            segment, number = taken.get(row, (None, 0))
            first = places.get(doc_id)
            if segment is not None and segment >= self._n_published:
                first = self._place(segment, number)
            if first is not None:
                yield (
                    row,
                    DuplicateIdError(
                        f"{place}: the id {doc_id!r} occurs twice, first at {first}; ids must be "
                        "unique."
                    ),
                )
            elif segment is not None and not update:
                yield (
                    row,
                    DuplicateIdError(
                        f"{place}: the id {doc_id!r} is in the index already; replace it with "
                        "--update, or leave the document out with --on-error skip."
                    ),
                )
            else:
                places[doc_id] = place

    @_ends_writer_on(BaseException)
    def _take(
        self,
        documents: Sequence[Document],
        rows: pa.RecordBatch,
        vectors: SparseBatch,
        *,
        update: bool,
    ) -> None:
        """Add documents whose ids are free, but for those that they replace."""
        doc_ids = rows.column(0).to_pylist()
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
                self._new_name(),
                self._coder,
                self._background,
                self._memory,
            )
            begin += growing.add(
                documents[begin:],
                rows.slice(begin),
                vectors.slice(begin, end),
                hashes[begin:],
                self.vocabulary.n_terms,
            )
            if growing.is_full:
                self._flush()

    def _delete(self, doc_ids: Sequence[str], hashes: NDArray[np.uint64]) -> int:
        found = self._find(doc_ids, hashes)
        for segment, number in found.values():
            self._deleted_of(segment).add(number)
        return len(found)

    def _find(
        self, doc_ids: Sequence[str], hashes: NDArray[np.uint64]
    ) -> dict[int, tuple[int, int]]:
        """Return segment and number of each row whose id a document has that is not deleted.

        The segment that grows counts as the last.
        """
        tables: list[DocIds | RecentIds] = [segment.doc_ids for segment in self._segments]
        if self._growing:
            tables.append(self._growing.ids)
        return {
            row: (segment, number)
            for segment, table in enumerate(tables)
            for row, number in table.find(doc_ids, hashes).items()
            if number not in self._deleted_of(segment)
        }

    def _deleted_of(self, segment: int) -> set[int]:
        if self._growing and segment == len(self._segments):
            return self._growing.deleted
        return self._deleted[segment]

    def _place(self, segment: int, number: int) -> str:
        """Return where a document was read that came in since the last commit."""
        place = ""
        if self._growing and segment == len(self._segments):
            place = self._growing.ids.place(number)
        return place or "an earlier document"

    @_ends_writer_on(BaseException)
    def _flush(self) -> None:
        """Close the segment that grows; nothing refers to it yet."""
        if self._growing is None:
            return
        entry = self._growing.close(self.vocabulary.n_terms)
        self._segments.append(open_segment(self.path, entry, self._fields))
        self._deleted.append(self._growing.deleted)
        self._growing = None

    def _merge(self, begin: int, end: int) -> None:
        """Put one segment in the place of some that follow each other."""
        segments = [
            replaced(segment, deleted=np.array(sorted(deleted), dtype=np.uint32))
            for segment, deleted in zip(
                self._segments[begin:end], self._deleted[begin:end], strict=True
            )
        ]
        impact_type, n_terms = self._coder.impact_type, self.vocabulary.n_terms
        folder = self.path / SEGMENT_FOLDER
        writer = SegmentWriter(folder, self._new_name(), impact_type, self._background)
        try:
            copy_segments(segments, writer, impact_type, n_terms)
            entry = writer.close(n_terms, sum(one.entry.n_clipped for one in segments))
            merged = open_segment(self.path, entry, self._fields)
        except BaseException:
            self._background.drop()
            raise
        finally:
            writer.abandon()
        self._segments[begin:end], self._deleted[begin:end] = [merged], [set()]
        self._n_published = min(self._n_published, begin + 1)

    def _settled(self, number: int) -> Segment:
        """Return a segment with its deletions written down."""
        segment, deleted = self._segments[number], self._deleted[number]
        if len(deleted) == segment.deleted.size:
            return segment
        path = self._new_file(".deleted.arrays")
        entry = msgspec.structs.replace(
            segment.entry, n_deleted=len(deleted), deleted=write_deleted(path, deleted)
        )
        return open_segment(self.path, entry, self._fields)

    def _write_vocabulary(self) -> VocabularyEntry:
        """Describe the vocabulary, writing its names when they have changed."""
        vocabulary = self.vocabulary
        before = self._manifest.vocabulary if self._manifest else None
        if before and before.names and before.fingerprint == vocabulary.fingerprint:
            return before
        names = None
        if vocabulary.kind is not VocabularyKind.NUMBERS:
            path = self._new_file(".vocabulary.arrays")
            names = write_arrays(path, StringTable.to_arrays("term", vocabulary.names))
        return VocabularyEntry(vocabulary.kind, vocabulary.n_terms, vocabulary.fingerprint, names)

    def _new_file(self, suffix: str) -> Path:
        return self.path / SEGMENT_FOLDER / (self._new_name() + suffix)

    def _new_name(self) -> str:
        self._file_number += 1
        return f"{self._file_number - 1:08d}"


def _repeated(hashes: NDArray[np.uint64]) -> set[int]:
    """Return the rows whose hash occurs more than once."""
    order = np.argsort(hashes, kind="stable")
    is_repeated = hashes[order[1:]] == hashes[order[:-1]]
    return {*order[1:][is_repeated].tolist(), *order[:-1][is_repeated].tolist()}
