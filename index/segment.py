"""What is a segment? The immutable files of one batch of documents, and how they are opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.errors import CorruptIndexError
from lsr.index.array_file import open_arrays, read_arrays, write_arrays
from lsr.index.checked_array import CheckedArray
from lsr.index.doc_ids import DocIds
from lsr.index.document_store import BATCH_DOCS, DocumentStore
from lsr.index.manifest import SEGMENT_FOLDER, SegmentEntry
from lsr.index.storage import RESTORE, FileEntry, checksum, map_file
from lsr.kernels import RANGE_SIZE, Postings, invert, n_ranges


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """An open segment.

    Attributes:
        entry: its line in the manifest.
        arrays: the arrays of its file, to be checked before they are read.
        postings: posting lists by local document number.
        max_impacts: shape (n_terms,), largest impact of each term; zero for terms it lacks.
        doc_ids: ids by local document number.
        documents: stored documents by local document number.
        deleted: numbers of the documents that are deleted, rising.
    """

    entry: SegmentEntry
    arrays: Mapping[str, CheckedArray]
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

    def check(self) -> None:
        """Check all arrays, before all of them are read."""
        for one in self.arrays.values():
            one.check()

    def check_lists(self, terms: NDArray[np.uint32]) -> None:
        """Check the posting lists of terms, each below `n_terms`, before they are read.

        Raises:
            CorruptIndexError: naming the file and the array that is damaged.
        """
        first_lists = np.arange(n_ranges(self.n_docs), dtype=np.int64)[:, None] * self.n_terms
        lists = (first_lists + terms).ravel()
        self.arrays["indptr"].check_spans(lists, lists + 2)
        begins, ends = self.postings.indptr[lists], self.postings.indptr[lists + 1]
        self.arrays["doc_offsets"].check_spans(begins, ends)
        self.arrays["impacts"].check_spans(begins, ends)

    def impacts_of(self, number: int, terms: Sequence[int]) -> list[int]:
        """Return the impact of each term in one document, 0 where it has none."""
        self.check_lists(np.array([one for one in terms if one < self.n_terms], dtype=np.uint32))
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
    documents: Mapping[str, NDArray[Any]],
) -> FileEntry:
    """Write the array file of a new segment.

    Args:
        path: the file.
        doc_ids: id of each document.
        indptr: shape (n_docs + 1,), rows of `terms` and `impacts`.
        terms: shape (nnz,), rising inside each row.
        impacts: shape (nnz,).
        n_terms: size of the vocabulary.
        documents: arrays of the segment's `DocumentStoreWriter`.
    """
    postings = invert(indptr, terms, impacts, n_terms)
    max_impacts = np.zeros(n_terms, dtype=np.uint8)
    np.maximum.at(max_impacts, terms, impacts)
    return write_arrays(
        path,
        {
            "indptr": postings.indptr,
            "doc_offsets": postings.doc_offsets,
            "impacts": postings.impacts,
            "max_impacts": max_impacts,
            **DocIds.to_arrays(doc_ids),
            **documents,
        },
    )


def write_deleted(path: Path, numbers: Iterable[int]) -> FileEntry:
    """Write the file of a segment's deleted documents."""
    return write_arrays(path, {"deleted": np.array(sorted(numbers), dtype=np.uint32)})


def open_segment(index_path: Path, entry: SegmentEntry, *, verify: bool = True) -> Segment:
    """Open a segment by mapping its files.

    Args:
        index_path: folder of the index.
        entry: the segment's line in the manifest.
        verify: check bytes before they are first used; False looks only at what could make a
            kernel read outside its arrays.

    Raises:
        CorruptIndexError: a file is missing or has another length, or its arrays do not fit each
            other.
    """
    folder = index_path / SEGMENT_FOLDER
    path, documents_path = folder / entry.arrays.name, folder / entry.documents.name
    arrays = open_arrays(path, entry.arrays.size_bytes, verify=verify)
    deleted = {"deleted": np.zeros(0, dtype=np.uint32)}
    if entry.deleted:
        deleted = read_arrays(folder / entry.deleted.name, entry.deleted.size_bytes, verify=verify)
    try:
        arrays["max_impacts"].check()
        segment = Segment(
            entry,
            arrays,
            Postings(*(arrays[name].values for name in Postings._fields)),
            arrays["max_impacts"].values,
            DocIds.from_arrays(arrays),
            DocumentStore(
                documents_path,
                entry.documents.size_bytes,
                arrays["document_ends"],
                arrays["document_checksums"],
            ),
            deleted["deleted"],
        )
    except KeyError as error:
        raise CorruptIndexError(f"{path} lacks the array {error}; {RESTORE}") from error
    _check_lengths(path, segment)
    if not verify:
        _check_bounds(path, segment)
    return segment


def verify_file(path: Path, entry: FileEntry) -> None:
    """Compare every byte of a file with what was written.

    Raises:
        CorruptIndexError: naming the file, the damaged array where known, or both checksums.
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
        "documents": (segment.documents.n_batches, -(-entry.n_docs // BATCH_DOCS)),
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


def _check_bounds(path: Path, segment: Segment) -> None:
    """Kernels trust places too, so they are looked at where checksums are not."""
    postings, n_docs = segment.postings, segment.n_docs
    indptr, n_postings = postings.indptr, postings.doc_offsets.size
    if indptr[0] != 0 or indptr[-1] != n_postings or (indptr[1:] < indptr[:-1]).any():
        raise CorruptIndexError(f"{path}: indptr does not rise to {n_postings}; {RESTORE}")
    # Only the last range has fewer documents than an offset can name.
    in_last = postings.doc_offsets[int(indptr[-1 - segment.n_terms]) if n_docs else 0 :]
    if in_last.size and int(in_last.max()) >= n_docs - (n_ranges(n_docs) - 1) * RANGE_SIZE:
        raise CorruptIndexError(f"{path}: a posting names a document beyond the last; {RESTORE}")
