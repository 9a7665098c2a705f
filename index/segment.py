"""What is a segment? The immutable files of one batch of documents, and how they are opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lsr.errors import CorruptIndexError
from lsr.index.array_file import open_arrays, read_arrays, write_arrays
from lsr.index.checked_array import CheckedArray
from lsr.index.dense_half import DENSE_ARRAY, DenseHalf
from lsr.index.doc_ids import DocIds
from lsr.index.document_store import BATCH_DOCS, DocumentStore
from lsr.index.field_columns import FieldColumns
from lsr.index.fields import Fields
from lsr.index.manifest import SEGMENT_FOLDER, SegmentEntry
from lsr.index.storage import RESTORE, FileEntry, checksum, map_file
from lsr.kernels.postings import RANGE_SIZE, Postings, n_ranges, read_list


@dataclass(frozen=True, eq=False)
class Segment:
    """An open segment.

    Attributes:
        entry: its line in the manifest.
        arrays: the arrays of its files, to be checked before they are read.
        postings: posting lists by local document number.
        kth_impacts: shape (3, n_terms), at most the 10th, 100th and 1000th largest impact of each
            term.
        doc_ids: ids by local document number.
        documents: stored documents by local document number.
        deleted: numbers of the documents that are deleted, rising.
        columns: the declared fields; None where none are declared.
        dense: the dense rows; None where documents have none.
    """

    entry: SegmentEntry
    arrays: Mapping[str, CheckedArray]
    postings: Postings
    kth_impacts: NDArray[np.uint8]
    doc_ids: DocIds
    documents: DocumentStore
    deleted: NDArray[np.uint32]
    columns: FieldColumns | None = None
    dense: DenseHalf | None = None

    @property
    def n_docs(self) -> int:
        """Documents of the segment, deleted ones included."""
        return self.entry.n_docs

    @property
    def n_terms(self) -> int:
        """Size of the vocabulary when the segment was written."""
        return self.entry.n_terms

    @cached_property
    def max_impacts(self) -> NDArray[Any]:
        """Largest impact of each term, shape (n_terms,); zero for terms that the segment lacks."""
        by_term = self.postings.max_impacts.reshape(self.n_terms, n_ranges(self.n_docs))
        return by_term.max(axis=1, initial=0)

    def number_of(self, doc_id: str) -> int | None:
        """Return the number of a document that is not deleted, or None."""
        number = self.doc_ids.number(doc_id)
        return None if number is None or self.is_deleted(number) else number

    def is_deleted(self, number: int) -> bool:
        """Say whether a document is deleted."""
        place = int(np.searchsorted(self.deleted, number))
        return place < self.deleted.size and int(self.deleted[place]) == number

    def live_mask(self) -> NDArray[np.bool_]:
        """Say of each document whether it is not deleted, shape (n_docs,)."""
        is_live = np.ones(self.n_docs, dtype=np.bool_)
        is_live[self.deleted] = False
        return is_live

    def check_range(self, number: int) -> None:
        """Check the posting lists of a range, before all of them are read."""
        postings = self.postings
        for name in ("list_starts", "offset_starts"):
            self.arrays[name].check()
        self.arrays["impacts"].check(*postings.range_lists[number : number + 2].tolist())
        self.arrays["doc_offsets"].check(*postings.range_offsets[number : number + 2].tolist())

    def check_lists(self, terms: NDArray[np.uint32]) -> None:
        """Check the posting lists of terms, each below `n_terms`, before they are read.

        Raises:
            CorruptIndexError: naming the file and the array that is damaged.
        """
        postings = self.postings
        size = n_ranges(self.n_docs)
        ranges = np.tile(np.arange(size), terms.size)
        lists = np.repeat(terms.astype(np.int64) * size, size) + ranges
        for starts, range_starts, values in (
            ("list_starts", postings.range_lists, "impacts"),
            ("offset_starts", postings.range_offsets, "doc_offsets"),
        ):
            self.arrays[starts].check_spans(lists, lists + size + 1)
            places = self.arrays[starts].values
            begins = range_starts[ranges] + places[lists]
            self.arrays[values].check_spans(begins, range_starts[ranges] + places[lists + size])

    def n_postings_of(self, terms: NDArray[np.uint32]) -> int:
        """Return how many postings the lists of terms hold, each below `n_terms`.

        Raises:
            CorruptIndexError: the table that says so is damaged.
        """
        size = n_ranges(self.n_docs)
        rows = terms.astype(np.int64)
        self.arrays["list_starts"].check_spans(rows * size, (rows + 2) * size)
        starts = self.postings.list_starts.reshape(self.n_terms + 1, size)
        return int((starts[rows + 1] - starts[rows]).sum())

    def impacts_of(self, numbers: Sequence[int], terms: Sequence[int]) -> NDArray[Any]:
        """Return the impact of each term in each document, 0 where it has none.

        Args:
            numbers: of documents.
            terms: distinct; they may be unknown to the segment.

        Returns:
            Shape (n_numbers, n_terms), of the type of the impacts.
        """
        self.check_lists(np.array([one for one in terms if one < self.n_terms], dtype=np.uint32))
        found = np.zeros((len(numbers), len(terms)), dtype=self.postings.impacts.dtype)
        ranges, wanted = np.divmod(np.array(numbers, dtype=np.int64), RANGE_SIZE)
        for in_range in np.unique(ranges).tolist():
            rows = np.flatnonzero(ranges == in_range)
            n_docs = min(RANGE_SIZE, self.n_docs - in_range * RANGE_SIZE)
            for column, term in enumerate(terms):
                if term >= self.n_terms:
                    continue
                offsets, impacts = read_list(self.postings, in_range, term, n_docs)
                if offsets.size == 0:
                    continue
                places = np.minimum(np.searchsorted(offsets, wanted[rows]), offsets.size - 1)
                is_there = offsets[places] == wanted[rows]
                found[rows, column] = np.where(is_there, impacts[places], 0)
        return found


def write_deleted(path: Path, numbers: Iterable[int]) -> FileEntry:
    """Write the file of a segment's deleted documents."""
    return write_arrays(path, {"deleted": np.array(sorted(numbers), dtype=np.uint32)})


def open_segment(
    index_path: Path,
    entry: SegmentEntry,
    fields: Fields,
    dense_size: int,
    *,
    verify: bool = True,
) -> Segment:
    """Open a segment by mapping its files.

    Args:
        index_path: folder of the index.
        entry: the segment's line in the manifest.
        fields: the index's declared fields.
        dense_size: numbers in a document's dense row; 0 where there are none.
        verify: check bytes before they are first used; False looks only at what could make a
            kernel read outside its arrays.

    Raises:
        CorruptIndexError: a file is missing or has another length, or its arrays do not fit each
            other.
    """
    folder = index_path / SEGMENT_FOLDER
    path, documents_path = folder / entry.arrays.name, folder / entry.documents.name
    arrays: dict[str, CheckedArray] = {}
    files = [entry.arrays, entry.doc_offsets, entry.doc_ids]
    for file in [*files, entry.dense] if entry.dense else files:
        arrays |= open_arrays(folder / file.name, file, verify=verify)
    deleted = _read_deleted(index_path, entry, verify)
    try:
        for name in ("range_lists", "range_offsets", "max_impacts", "kth_impacts"):
            arrays[name].check()
        segment = Segment(
            entry,
            arrays,
            Postings(*(arrays[name].values for name in Postings._fields)),
            arrays["kth_impacts"].values.reshape(3, -1),
            DocIds.from_arrays(arrays),
            DocumentStore(
                documents_path,
                entry.documents.size_bytes,
                arrays["document_ends"],
                arrays["document_checksums"],
            ),
            deleted,
            dense=DenseHalf(arrays[DENSE_ARRAY], dense_size) if dense_size else None,
        )
    except KeyError as error:
        raise CorruptIndexError(f"{path} lacks the array {error}; {RESTORE}") from error
    if entry.columns:
        columns = FieldColumns(
            folder / entry.columns.name, entry.columns, fields, entry.n_docs, verify=verify
        )
        segment = replace(segment, columns=columns)
    _check_lengths(path, segment, dense_size)
    if not verify:
        _check_bounds(path, segment)
    return segment


def reopen_segment(
    index_path: Path, entry: SegmentEntry, before: Segment, dense_size: int, *, verify: bool = True
) -> Segment | None:
    """Open a segment as a later commit has it, sharing all but the list of deleted documents.

    Args:
        index_path: folder of the index.
        entry: the segment's line in the later manifest.
        before: an open segment.
        dense_size: see `open_segment`.
        verify: see `open_segment`.

    Returns:
        The segment, or None where `before` is another one.

    Raises:
        CorruptIndexError: the list of deleted documents is missing or damaged.
    """
    if entry == before.entry:
        return before
    kept = {"n_deleted": 0, "deleted": None}
    if msgspec.structs.replace(entry, **kept) != msgspec.structs.replace(before.entry, **kept):
        return None
    segment = replace(before, entry=entry, deleted=_read_deleted(index_path, entry, verify))
    _check_lengths(index_path / SEGMENT_FOLDER / entry.arrays.name, segment, dense_size)
    return segment


def _read_deleted(index_path: Path, entry: SegmentEntry, verify: bool) -> NDArray[np.uint32]:
    if not entry.deleted:
        return np.zeros(0, dtype=np.uint32)
    file = index_path / SEGMENT_FOLDER / entry.deleted.name
    return read_arrays(file, entry.deleted, verify=verify)["deleted"]


def verify_file(path: Path, entry: FileEntry) -> None:
    """Compare every byte of a file with what was written.

    Raises:
        CorruptIndexError: naming the file, the damaged array where known, or both checksums.
    """
    found = checksum(map_file(path, entry.size_bytes))
    if found == entry.xxh3_64:
        return
    if path.suffix == ".arrays":
        read_arrays(path, entry)  # names the array
    raise CorruptIndexError(
        f"{path} is damaged: its checksum is {found} where {entry.xxh3_64} was written; {RESTORE}"
    )


def _check_lengths(path: Path, segment: Segment, dense_size: int) -> None:
    """Kernels trust lengths, so they are compared even when checksums are not."""
    entry, postings = segment.entry, segment.postings
    expected = {
        "list_starts": (postings.list_starts.size, n_ranges(entry.n_docs) * (entry.n_terms + 1)),
        "offset_starts": (
            postings.offset_starts.size,
            n_ranges(entry.n_docs) * (entry.n_terms + 1),
        ),
        "range_lists": (postings.range_lists.size, n_ranges(entry.n_docs) + 1),
        "range_offsets": (postings.range_offsets.size, n_ranges(entry.n_docs) + 1),
        "impacts": (postings.impacts.size, entry.n_postings),
        "max_impacts": (postings.max_impacts.size, n_ranges(entry.n_docs) * entry.n_terms),
        "kth_impacts": (segment.kth_impacts.size, 3 * entry.n_terms),
        "doc_id_offsets": (len(segment.doc_ids), entry.n_docs),
        "doc_id_hashes": (segment.doc_ids.n_hashes, entry.n_docs),
        "documents": (segment.documents.n_batches, -(-entry.n_docs // BATCH_DOCS)),
        "deleted": (segment.deleted.size, entry.n_deleted),
        "dense": (segment.dense.n_values if segment.dense else 0, entry.n_docs * dense_size),
    }
    for name, (found, wanted) in expected.items():
        if found != wanted:
            raise CorruptIndexError(
                f"{path}: {name} has {found} values where {wanted} belong; {RESTORE}"
            )
    deleted = segment.deleted
    if deleted.size and (int(deleted[-1]) >= entry.n_docs or (deleted[1:] <= deleted[:-1]).any()):
        raise CorruptIndexError(
            f"{path}: the deleted documents are not rising numbers below {entry.n_docs}; {RESTORE}"
        )


def _check_bounds(path: Path, segment: Segment) -> None:
    """Kernels trust places too, so they are looked at where checksums are not."""
    from lsr.kernels.lists import are_offsets_sound

    postings, n_docs, n_terms = segment.postings, segment.n_docs, segment.n_terms
    for starts, range_starts, n_values in (
        (postings.list_starts, postings.range_lists, postings.impacts.size),
        (postings.offset_starts, postings.range_offsets, postings.doc_offsets.size),
    ):
        by_range = starts.reshape(n_terms + 1, -1).T
        sizes = np.diff(range_starts)
        if (
            range_starts[0] != 0
            or range_starts[-1] != n_values
            or (sizes < 0).any()
            or by_range[:, :1].any()
            or (by_range[:, -1] != sizes).any()
            or (by_range[:, 1:] < by_range[:, :-1]).any()
        ):
            raise CorruptIndexError(f"{path}: posting lists do not follow each other; {RESTORE}")
    for number in range(n_ranges(n_docs)):
        in_range = min(RANGE_SIZE, n_docs - number * RANGE_SIZE)
        if not are_offsets_sound(postings, n_terms, number, in_range):
            raise CorruptIndexError(
                f"{path}: a posting list of range {number} does not fit its documents; {RESTORE}"
            )
