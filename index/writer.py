"""How do documents get in? Through one writer, segment by segment, visible after `commit`.

Documents are buffered, quantized and written as segments; the manifest that names the new
segments is written last. Until then the index is what it was, whatever happens.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

from lsr.documents import Document
from lsr.errors import DuplicateIdError, InvalidInputError
from lsr.index.array_file import write_arrays
from lsr.index.document_store import DocumentStoreWriter
from lsr.index.lock import write_lock
from lsr.index.manifest import (
    SEGMENT_FOLDER,
    Manifest,
    SegmentEntry,
    VocabularyEntry,
    remove_orphans,
    write_manifest,
)
from lsr.index.quantization import ImpactQuantizer
from lsr.index.segment import Segment, file_entry, open_segment, write_postings
from lsr.index.storage import make_folder, sync_folder
from lsr.index.string_table import StringTable
from lsr.index.vocabulary import Vocabulary, VocabularyKind
from lsr.sparse import SparseBatch

logger = logging.getLogger(__name__)

SEGMENT_POSTINGS = 1 << 26
"""Postings buffered before a segment is written: 8 bytes each, half a gigabyte."""

MAX_DISTORTION = 0.05
"""Share of a segment's weight that 8 bits may move. SPLADE weights lose 0.6 %; more than 5 % means
that the quantizer was fitted to weights of another scale."""


class IndexWriter:
    """Add documents to an index. Use as a context manager; leaving it without `commit` drops them.

    Args:
        path: folder of the index.
        manifest: the commit to build on; None for a new index.
        vocabulary: terms of the index; grows as documents come, where its kind allows.
        max_weight: the quantizer's range; None to fit it to the first segment.
        encoder: settings of the encoder, to store.
        properties: free text to store.
        replace: publish only the new documents, in place of what is there.

    Raises:
        IndexLockedError: another writer is at work.
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
        self._replace = replace
        self._new_segments: list[SegmentEntry] = []
        self._open_segments: list[Segment] = []
        self._batches: list[SparseBatch] = []
        self._places: dict[str, str] = {}
        self._documents: DocumentStoreWriter | None = None
        self._file_number = manifest.next_file_number if manifest else 1

    def __enter__(self) -> IndexWriter:
        self._made_folder = not self.path.exists()
        make_folder(self.path / SEGMENT_FOLDER)
        self._lock = write_lock(self.path)
        self._lock.__enter__()
        remove_orphans(self.path, self._manifest)
        if self._manifest and not self._replace:
            self._open_segments = [
                open_segment(self.path, entry, verify=False) for entry in self._manifest.segments
            ]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._documents:
            self._documents.abandon()
        self._open_segments = []
        try:
            remove_orphans(self.path, self._manifest)
        finally:
            self._lock.__exit__(kind, error, trace)
        if self._manifest is None and self._made_folder:
            self._remove_empty_folder()

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

    def duplicates(self, documents: Sequence[Document]) -> Iterator[tuple[int, DuplicateIdError]]:
        """Yield the rows of documents whose id is taken, with the error that says by what."""
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
            elif any(one.doc_ids.number(doc_id) is not None for one in self._open_segments):
                yield (
                    row,
                    DuplicateIdError(
                        f"{place}: the id {doc_id!r} is in the index already; leave the document "
                        "out (--on-error skip), or replace the whole index with --force."
                    ),
                )
            else:
                places[doc_id] = place

    def commit(self) -> Manifest:
        """Publish the documents added so far and return the new manifest.

        When this returns, they survive a crash; if it fails, the index is what it was.
        """
        self._flush()
        kept = [] if self._manifest is None or self._replace else self._manifest.segments
        vocabulary = self._write_vocabulary()
        sync_folder(self.path / SEGMENT_FOLDER)
        manifest = Manifest(
            commit=self._manifest.commit + 1 if self._manifest else 1,
            next_file_number=self._file_number,
            max_weight=self._quantizer.max_weight if self._quantizer else 1.0,
            vocabulary=vocabulary,
            encoder=self._encoder,
            properties=self._properties,
            segments=[*kept, *self._new_segments],
        )
        write_manifest(self.path, manifest)
        self._manifest, self._new_segments, self._replace = manifest, [], False
        remove_orphans(self.path, manifest)
        return manifest

    def _flush(self) -> None:
        """Write the buffered documents as a segment that nothing refers to yet."""
        if self._documents is None:
            return
        vectors = SparseBatch.concatenate(self._batches)
        if self._quantizer is None:
            self._quantizer = ImpactQuantizer.for_weights(vectors.weights)
        n_clipped = self._checked_clipping(vectors, self._quantizer)
        arrays_path = self._new_file(".arrays")
        doc_ids = list(self._places)
        impacts = self._quantizer.quantize(vectors.weights)
        n_terms = self.vocabulary.n_terms
        write_postings(arrays_path, doc_ids, vectors.indptr, vectors.terms, impacts, n_terms)
        self._documents.close()
        entry = SegmentEntry(
            name=arrays_path.stem,
            n_docs=len(doc_ids),
            n_terms=n_terms,
            n_postings=vectors.nnz,
            n_clipped=n_clipped,
            arrays=file_entry(arrays_path),
            documents=file_entry(self._documents.path),
        )
        self._new_segments.append(entry)
        self._open_segments.append(open_segment(self.path, entry, verify=False))
        self._batches, self._places, self._documents = [], {}, None
        logger.info("segment %s: %d documents", entry.name, entry.n_docs)

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
            write_arrays(path, StringTable.to_arrays("term", vocabulary.names))
            names = file_entry(path)
        return VocabularyEntry(vocabulary.kind, vocabulary.n_terms, vocabulary.fingerprint, names)

    def _new_file(self, suffix: str) -> Path:
        path = self.path / SEGMENT_FOLDER / f"{self._file_number:08d}{suffix}"
        self._file_number += 1
        return path

    def _remove_empty_folder(self) -> None:
        """Leave no trace of a new index that was never committed."""
        for file in self.path.iterdir():
            if file.is_file():
                file.unlink()
        (self.path / SEGMENT_FOLDER).rmdir()
        self.path.rmdir()
