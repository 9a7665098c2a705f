"""How do documents get in? Through one writer, segment by segment, visible after `commit`.

Documents are buffered, quantized and written as segments; the manifest that names the new
segments is written last. Until then the index is what it was, whatever happens.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from lsr.documents import Document
from lsr.errors import DuplicateIdError, IndexStorageError, InvalidInputError, UnsyncedError
from lsr.index.array_file import write_arrays
from lsr.index.document_store import DocumentStoreWriter
from lsr.index.manifest import (
    SEGMENT_FOLDER,
    Manifest,
    SegmentEntry,
    VocabularyEntry,
    is_index,
    read_manifest,
    remove_orphans,
    write_manifest,
)
from lsr.index.merge import live_documents, live_rows
from lsr.index.quantization import ImpactQuantizer
from lsr.index.segment import (
    Segment,
    open_segment,
    write_deleted,
    write_postings,
)
from lsr.index.storage import sync_folder
from lsr.index.string_table import StringTable
from lsr.index.vocabulary import Vocabulary, VocabularyKind
from lsr.sparse import SparseBatch

logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")

SEGMENT_POSTINGS = 1 << 26
"""Postings buffered before a segment is written: 8 bytes each, half a gigabyte."""

MAX_DISTORTION = 0.05
"""Share of a segment's weight that 8 bits may move. SPLADE weights lose 0.6 %; more than 5 % means
that the quantizer was fitted to weights of another scale."""


def _ends_writer_on(
    errors: type[BaseException],
) -> Callable[[Callable[[IndexWriter], _Result]], Callable[[IndexWriter], _Result]]:
    """Make a step that fails with `errors` the last of its writer.

    A step that broke off leaves files of which nobody knows how much was written.
    """

    def decorate(step: Callable[[IndexWriter], _Result]) -> Callable[[IndexWriter], _Result]:
        @wraps(step)
        def guarded(writer: IndexWriter) -> _Result:
            if writer.failure is not None:
                raise IndexStorageError(
                    f"This writer failed before: {writer.failure} Leave it and open another."
                )
            try:
                return step(writer)
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
        max_weight: the quantizer's range; None to fit it to the first segment.
        encoder: settings of the encoder, to store.
        properties: free text to store.
        replace: publish only the new documents, in place of what is there.
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
    ) -> None:
        self.path = path
        self.vocabulary = vocabulary
        self._manifest = manifest
        self._quantizer = None if max_weight is None else ImpactQuantizer(max_weight)
        self._encoder = encoder
        self._properties = properties
        self._file_number = manifest.next_file_number if manifest else 1
        kept = manifest.segments if manifest and not replace else []
        self._segments = [open_segment(path, entry) for entry in kept]
        self._deleted = [set(segment.deleted.tolist()) for segment in self._segments]
        self._batches: list[SparseBatch] = []
        self._places: dict[str, str] = {}
        self._documents: DocumentStoreWriter | None = None
        self.failure: str | None = None

    def __enter__(self) -> IndexWriter:
        remove_orphans(self.path, self._manifest)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._documents:
            self._documents.abandon()
        self._segments = []
        # What the disk says counts: a commit may have been published just before it failed.
        remove_orphans(self.path, read_manifest(self.path) if is_index(self.path) else None)

    def add(self, documents: Sequence[Document], vectors: SparseBatch) -> None:
        """Add documents with their vectors, in the index's vocabulary.

        Args:
            documents: ids must be new to the index.
            vectors: one row per document.

        Raises:
            DuplicateIdError: an id is in the index already, or occurs twice.
            InvalidInputError: the weights are of another scale than the quantizer was made for.
        """
        if len(documents) != len(vectors):
            raise InvalidInputError(
                f"There are {len(documents)} documents but {len(vectors)} vectors."
            )
        for _, error in self.duplicates(documents):
            raise error
        if self._documents is None:
            self._documents = DocumentStoreWriter(self._new_file(".documents.arrow"))
        for document in documents:
            self._places[document.doc_id] = document.place or "an earlier document"
        self._documents.add(documents)
        self._batches.append(vectors)
        if sum(batch.nnz for batch in self._batches) >= SEGMENT_POSTINGS:
            self._flush()

    def delete(self, doc_id: str) -> bool:
        """Delete a document and say whether there was one.

        It takes effect with `commit`; the id may be added again at once.
        """
        if doc_id in self._places:
            self._flush()
        found = self._find(doc_id)
        if found:
            number, doc_number = found
            self._deleted[number].add(doc_number)
        return found is not None

    @_ends_writer_on(UnsyncedError)
    def merge(self) -> None:
        """Make one segment of all, without the deleted documents; scores and ties stay."""
        self._flush()
        segments = [self._settled(number) for number in range(len(self._segments))]
        if len(segments) < 2 and not any(segment.deleted.size for segment in segments):
            return
        documents = DocumentStoreWriter(self._new_file(".documents.arrow"))
        try:
            doc_ids = []
            for document in live_documents(segments):
                documents.add([document])
                doc_ids.append(document.doc_id)
            n_clipped = sum(segment.entry.n_clipped for segment in segments)
            merged = self._write_segment(documents, doc_ids, live_rows(segments), n_clipped)
        except BaseException:
            documents.abandon()
            raise
        self._segments, self._deleted = [merged], [set()]

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
            max_weight=self._quantizer.max_weight if self._quantizer else None,
            vocabulary=vocabulary,
            encoder=self._encoder,
            properties=self._properties,
            segments=[segment.entry for segment in self._segments],
        )
        write_manifest(self.path, manifest)
        self._manifest = manifest
        remove_orphans(self.path, manifest)
        return manifest

    def duplicates(
        self, documents: Sequence[Document], *, update: bool = False
    ) -> Iterator[tuple[int, DuplicateIdError]]:
        """Yield the rows of documents whose id is taken, with the error that says by what.

        Args:
            documents: documents to be added.
            update: let pass the ids of written documents, which are to be replaced.
        """
        places: dict[str, str] = {}
        for row, document in enumerate(documents):
            doc_id, place = document.doc_id, document.place or f"document {row}"
            first = self._places.get(doc_id, places.get(doc_id))
            if first is not None:
                yield (
                    row,
                    DuplicateIdError(
                        f"{place}: the id {doc_id!r} occurs twice, first at {first}; ids must be "
                        "unique."
                    ),
                )
            elif not update and self._find(doc_id):
                yield (
                    row,
                    DuplicateIdError(
                        f"{place}: the id {doc_id!r} is in the index already; replace it with "
                        "--update, or leave the document out with --on-error skip."
                    ),
                )
            else:
                places[doc_id] = place

    def _find(self, doc_id: str) -> tuple[int, int] | None:
        """Return the segment and the number in it of a written document that is not deleted."""
        for number, segment in enumerate(self._segments):
            doc_number = segment.doc_ids.number(doc_id)
            if doc_number is not None and doc_number not in self._deleted[number]:
                return number, doc_number
        return None

    def _settled(self, number: int) -> Segment:
        """Return a segment with its deletions written down."""
        segment, deleted = self._segments[number], self._deleted[number]
        if len(deleted) == segment.deleted.size:
            return segment
        path = self._new_file(".deleted.arrays")
        entry = msgspec.structs.replace(
            segment.entry, n_deleted=len(deleted), deleted=write_deleted(path, deleted)
        )
        return open_segment(self.path, entry)

    @_ends_writer_on(BaseException)
    def _flush(self) -> None:
        """Write the buffered documents as a segment that nothing refers to yet."""
        if self._documents is None:
            return
        vectors = SparseBatch.concatenate(self._batches)
        quantizer = self._quantizer or ImpactQuantizer.for_weights(vectors.weights)
        if vectors.nnz:
            self._quantizer = quantizer
        n_clipped = self._checked_clipping(vectors, quantizer)
        rows = (vectors.indptr, vectors.terms, quantizer.quantize(vectors.weights))
        self._segments.append(
            self._write_segment(self._documents, list(self._places), rows, n_clipped)
        )
        self._deleted.append(set())
        self._batches, self._places, self._documents = [], {}, None

    def _write_segment(
        self,
        documents: DocumentStoreWriter,
        doc_ids: Sequence[str],
        rows: tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.uint8]],
        n_clipped: int,
    ) -> Segment:
        """Finish the files of a new segment and open it."""
        arrays_path = self._new_file(".arrays")
        n_terms = self.vocabulary.n_terms
        documents_entry = documents.close()
        arrays_entry = write_postings(arrays_path, doc_ids, *rows, n_terms, documents.arrays())
        entry = SegmentEntry(
            name=arrays_path.stem,
            n_docs=len(doc_ids),
            n_terms=n_terms,
            n_postings=int(rows[1].size),
            n_clipped=n_clipped,
            arrays=arrays_entry,
            documents=documents_entry,
        )
        logger.info("segment %s: %d documents", entry.name, entry.n_docs)
        return open_segment(self.path, entry)

    def _checked_clipping(self, vectors: SparseBatch, quantizer: ImpactQuantizer) -> int:
        distortion = quantizer.distortion(vectors.weights)
        if distortion > MAX_DISTORTION:
            raise InvalidInputError(
                f"8-bit impacts for weights up to {quantizer.max_weight:g} would change these "
                f"weights by {distortion:.0%}: their mean is {vectors.weights.mean():.3g}, the "
                f"largest {vectors.weights.max():.3g}. Build the index with a --max-weight that "
                "suits all its documents."
            )
        n_clipped = quantizer.n_clipped(vectors.weights)
        if n_clipped:
            logger.warning(
                "%d of %d weights exceed %g and were clipped to it.",
                n_clipped,
                vectors.nnz,
                quantizer.max_weight,
            )
        return n_clipped

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
        path = self.path / SEGMENT_FOLDER / f"{self._file_number:08d}{suffix}"
        self._file_number += 1
        return path
