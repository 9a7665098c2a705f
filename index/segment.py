"""What is a segment? The immutable files of one batch of documents, and how they are opened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lsr.errors import CorruptIndexError
from lsr.index.array_file import read_arrays, write_arrays
from lsr.index.doc_ids import DocIds
from lsr.index.document_store import DocumentStore
from lsr.index.manifest import SEGMENT_FOLDER, SegmentEntry
from lsr.index.storage import RESTORE, FileEntry, checksum, map_file
from lsr.kernels import RANGE_SIZE, Postings, invert, n_ranges


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """An open segment.

    Attributes:
        entry: its line in the manifest.
        postings: posting lists by local document number.
        max_impacts: shape (n_terms,), largest impact of each term; zero for terms it lacks.
        doc_ids: ids by local document number.
        documents: stored documents by local document number.
        deleted: numbers of the documents that are deleted, rising.
    """

    entry: SegmentEntry
    postings: Postings
    max_impacts: NDArray[np.uint8]
    doc_ids: DocIds
    documents: DocumentStore
    deleted: NDArray[np.uint32]

    @property
    def n_docs(self) -> int:
        """Documents of the segment, deleted ones included."""
        return self.entry.n_docs

    @property
    def n_terms(self) -> int:
        """Size of the vocabulary when the segment was written."""
        return self.entry.n_terms

    def number_of(self, doc_id: str) -> int | None:
        """Return the number of a document that is not deleted, or None."""
        number = self.doc_ids.number(doc_id)
        return None if number is None or self.is_deleted(number) else number

    def is_deleted(self, number: int) -> bool:
        """Say whether a document is deleted."""
        place = int(np.searchsorted(self.deleted, number))
        return place < self.deleted.size and int(self.deleted[place]) == number

    def impacts_of(self, number: int, terms: Sequence[int]) -> list[int]:
        """Return the impact of each term in one document, 0 where it has none."""
        in_range, offset = divmod(number, RANGE_SIZE)
        found = []
        for term in terms:
            impact = 0
            if term < self.n_terms:
                begin, end = self.postings.indptr[in_range * self.n_terms + term :][:2]
                offsets = self.postings.doc_offsets[begin:end]
                place = int(np.searchsorted(offsets, offset))
                if place < offsets.size and offsets[place] == offset:
                    impact = int(self.postings.impacts[begin + place])
            found.append(impact)
        return found


def write_postings(
    path: Path,
    doc_ids: Sequence[str],
    indptr: NDArray[np.int64],
    terms: NDArray[np.uint32],
    impacts: NDArray[np.uint8],
    n_terms: int,
) -> None:
    """Write the array file of a new segment.

    Args:
        path: the file.
        doc_ids: id of each document.
        indptr: shape (n_docs + 1,), rows of `terms` and `impacts`.
        terms: shape (nnz,), rising inside each row.
        impacts: shape (nnz,).
        n_terms: size of the vocabulary.
    """
    postings = invert(indptr, terms, impacts, n_terms)
    max_impacts = np.zeros(n_terms, dtype=np.uint8)
    np.maximum.at(max_impacts, terms, impacts)
    write_arrays(
        path,
        {
            "indptr": postings.indptr,
            "doc_offsets": postings.doc_offsets,
            "impacts": postings.impacts,
            "max_impacts": max_impacts,
            **DocIds.to_arrays(doc_ids),
        },
    )


def write_deleted(path: Path, numbers: Iterable[int]) -> None:
    """Write the file of a segment's deleted documents."""
    write_arrays(path, {"deleted": np.array(sorted(numbers), dtype=np.uint32)})


def file_entry(path: Path) -> FileEntry:
    """Describe a finished file for the manifest."""
    content = np.memmap(path, dtype=np.uint8, mode="r")
    return FileEntry(path.name, content.size, checksum(content))


def open_segment(index_path: Path, entry: SegmentEntry, *, verify: bool = True) -> Segment:
    """Open a segment by mapping its files.

    Args:
        index_path: folder of the index.
        entry: the segment's line in the manifest.
        verify: compare the checksum of every byte first.

    Raises:
        CorruptIndexError: a file is missing, has another length or, when verified, other bytes;
            or its arrays do not fit each other.
    """
    folder = index_path / SEGMENT_FOLDER
    arrays_path, documents_path = folder / entry.arrays.name, folder / entry.documents.name
    if verify:
        for file in entry.files:
            verify_file(folder / file.name, file)
    arrays = read_arrays(arrays_path, entry.arrays.size_bytes, verify=False)
    deleted = {"deleted": np.zeros(0, dtype=np.uint32)}
    if entry.deleted:
        deleted = read_arrays(folder / entry.deleted.name, entry.deleted.size_bytes, verify=False)
    try:
        segment = Segment(
            entry,
            Postings(arrays["indptr"], arrays["doc_offsets"], arrays["impacts"]),
            arrays["max_impacts"],
            DocIds.from_arrays(arrays),
            DocumentStore(documents_path),
            deleted["deleted"],
        )
    except KeyError as error:
        raise CorruptIndexError(f"{arrays_path} lacks the array {error}; {RESTORE}") from error
    _check_lengths(arrays_path, segment)
    return segment


def verify_file(path: Path, entry: FileEntry) -> None:
    """Compare the checksum of a file with what was written.

    Raises:
        CorruptIndexError: naming the file, the damaged arrays where known, and both checksums.
    """
    found = checksum(map_file(path, entry.size_bytes))
    if found == entry.xxh3_64:
        return
    if path.suffix == ".arrays":
        read_arrays(path, entry.size_bytes)  # names the array
    raise CorruptIndexError(
        f"{path} is damaged: its checksum is {found} where {entry.xxh3_64} was written; {RESTORE}"
    )


def _check_lengths(path: Path, segment: Segment) -> None:
    """Kernels trust lengths, so they are compared even when checksums are not."""
    entry, postings = segment.entry, segment.postings
    expected = {
        "indptr": (postings.indptr.size, n_ranges(entry.n_docs) * entry.n_terms + 1),
        "doc_offsets": (postings.doc_offsets.size, entry.n_postings),
        "impacts": (postings.impacts.size, entry.n_postings),
        "max_impacts": (segment.max_impacts.size, entry.n_terms),
        "doc_id_offsets": (len(segment.doc_ids), entry.n_docs),
        "doc_id_hashes": (segment.doc_ids.n_hashes, entry.n_docs),
        "deleted": (segment.deleted.size, entry.n_deleted),
    }
    for name, (found, wanted) in expected.items():
        if found != wanted:
            raise CorruptIndexError(
                f"{path}: {name} has {found} values where {wanted} belong; {RESTORE}"
            )
    deleted = segment.deleted
    if deleted.size and (int(deleted[-1]) >= entry.n_docs or (np.diff(deleted) < 1).any()):
        raise CorruptIndexError(
            f"{path}: the deleted documents are not rising numbers below {entry.n_docs}; {RESTORE}"
        )
