"""Which segments will the next commit name, and which of their documents will be gone by then?

Segments are immutable, so a change is a change of this list: another segment at its end, one in the
place of several, one more number among the deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from lsr.index.background import Background
from lsr.index.fields import Fields
from lsr.index.manifest import SEGMENT_FOLDER, SegmentEntry
from lsr.index.merge import copy_segments
from lsr.index.merge_policy import SegmentSize, next_merge
from lsr.index.segment import Segment, open_segment, write_deleted
from lsr.index.segment_writer import SegmentWriter


class FileNames:
    """Names for new files, none of which was ever used.

    Args:
        next_number: the first one's number.
    """

    def __init__(self, next_number: int) -> None:
        self.next_number = next_number

    def new(self) -> str:
        """Return a name."""
        self.next_number += 1
        return f"{self.next_number - 1:08d}"


class Place(NamedTuple):
    """A document: number of its segment, and its number there."""

    segment: int
    doc_number: int


class SegmentSet:
    """Open segments in order, with changes that are not committed.

    Args:
        path: folder of the index.
        entries: the segments to begin with.
        fields: the index's declared fields.
        names: names new files.
        background: the second thread.
        n_published: how many of them a commit names.
        dense_size: numbers in a document's dense row; 0 where there are none.
    """

    def __init__(
        self,
        path: Path,
        entries: Iterable[SegmentEntry],
        fields: Fields,
        names: FileNames,
        background: Background,
        n_published: int,
        dense_size: int,
    ) -> None:
        self.n_published = n_published
        self._path = path
        self._fields = fields
        self._names = names
        self._background = background
        self._dense_size = dense_size
        self._segments = [self._open(entry) for entry in entries]
        self._deleted = [set(segment.deleted.tolist()) for segment in self._segments]

    def __len__(self) -> int:
        return len(self._segments)

    @property
    def entries(self) -> list[SegmentEntry]:
        """What a manifest says of the segments, once they are settled."""
        return [segment.entry for segment in self._segments]

    @property
    def n_sharded(self) -> int:
        """Segments that lie in shards, all of them before the others."""
        return sum("/" in entry.name for entry in self.entries)

    @property
    def n_new(self) -> int:
        """Documents that no commit names."""
        return sum(size.n_live for size in self._sizes(self.n_published))

    def append(self, entry: SegmentEntry, deleted: set[int]) -> None:
        """Take in a new segment, some of whose documents may be deleted already."""
        self._segments.append(self._open(entry))
        self._deleted.append(deleted)

    def find(self, doc_ids: Sequence[str], hashes: NDArray[np.uint64]) -> dict[int, Place]:
        """Return where the document of each row is whose id is found and not deleted."""
        return {
            row: Place(number, doc_number)
            for number, segment in enumerate(self._segments)
            for row, doc_number in segment.doc_ids.find(doc_ids, hashes).items()
            if doc_number not in self._deleted[number]
        }

    def delete(self, place: Place) -> None:
        """Delete a document."""
        self._deleted[place.segment].add(place.doc_number)

    def merge(self) -> bool:
        """Make one segment of all, and say whether there was anything to do."""
        if len(self) < 2 and not any(self._deleted):
            return False
        self._merge(0, len(self))
        return True

    def merge_small(self, first: int) -> bool:
        """Merge segments from number `first` on as the policy says, and say whether any were."""
        is_changed = False
        while run := next_merge(self._sizes(first)):
            self._merge(first + run.start, first + run.stop)
            is_changed = True
        return is_changed

    def drop_empty(self) -> None:
        """Let go of the segments of which every document is deleted."""
        for number, size in reversed(list(enumerate(self._sizes(0)))):
            if size.n_live == 0:
                self._put(number, number + 1, [])

    def settle(self) -> None:
        """Write down what was deleted."""
        for number, (segment, deleted) in enumerate(
            zip(self._segments, self._deleted, strict=True)
        ):
            if len(deleted) != segment.deleted.size:
                path = self._path / SEGMENT_FOLDER / f"{self._names.new()}.deleted.arrays"
                entry = msgspec.structs.replace(
                    segment.entry, n_deleted=len(deleted), deleted=write_deleted(path, deleted)
                )
                self._segments[number] = self._open(entry)

    def close(self) -> None:
        """Let go of all segments."""
        self._segments, self._deleted = [], []

    def _open(self, entry: SegmentEntry) -> Segment:
        return open_segment(self._path, entry, self._fields, self._dense_size)

    def _sizes(self, first: int) -> list[SegmentSize]:
        return [
            SegmentSize(segment.n_docs, len(deleted))
            for segment, deleted in zip(self._segments[first:], self._deleted[first:], strict=True)
        ]

    def _merge(self, begin: int, end: int) -> None:
        """Put one segment, or none, in the place of some that follow each other."""
        segments = [
            replace(segment, deleted=np.array(sorted(deleted), dtype=np.uint32))
            for segment, deleted in zip(
                self._segments[begin:end], self._deleted[begin:end], strict=True
            )
        ]
        if all(size.n_live == 0 for size in self._sizes(0)[begin:end]):
            self._put(begin, end, [])
            return
        impact_type = segments[0].postings.impacts.dtype
        writer = SegmentWriter(
            self._path / SEGMENT_FOLDER,
            self._names.new(),
            impact_type,
            self._fields,
            self._background,
            self._dense_size,
        )
        try:
            n_terms = max(segment.n_terms for segment in segments)
            copy_segments(segments, writer, impact_type, n_terms)
            entry = writer.close(n_terms, sum(one.entry.n_clipped for one in segments))
        except BaseException:
            self._background.drop()
            raise
        finally:
            writer.abandon()
        self._put(begin, end, [self._open(entry)])

    def _put(self, begin: int, end: int, segments: list[Segment]) -> None:
        """Replace some neighbours by what has nothing deleted."""
        self._segments[begin:end] = segments
        self._deleted[begin:end] = [set() for _ in segments]
        if begin < self.n_published:
            self.n_published = max(begin, self.n_published - (end - begin)) + len(segments)
