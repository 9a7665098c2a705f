"""How is an index copied while it is in use? As one commit, its files linked where possible.

A snapshot is an ordinary index. Files of an index never change, so a second name for the same bytes
is as good as a copy, takes no space and no time, and outlives the first name; where names cannot
be linked, as from one disk to another, bytes are copied. Either way the manifest comes last: until
then there is no snapshot, and a restored index is what it was.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from lsr.errors import CorruptIndexError, IndexExistsError, InvalidInputError
from lsr.index.lock import is_vacant, write_lock
from lsr.index.manifest import (
    SEGMENT_FOLDER,
    Manifest,
    is_index,
    read_manifest,
    remove_orphans,
    with_files,
    write_manifest,
)
from lsr.index.segment import verify_file
from lsr.index.storage import FileEntry, copy_file, link_file, remove_file, sync_folder


def make_snapshot(index_path: Path, snapshot_path: Path) -> Manifest:
    """Make an index of the last commit of another, which may be written meanwhile.

    Args:
        index_path: the index.
        snapshot_path: a folder that is not there yet, or empty.

    Raises:
        CorruptIndexError: a file of the index is damaged.
        IndexExistsError: there is an index at `snapshot_path`.
        IndexLockedError: somebody writes at `snapshot_path`.
    """
    if is_index(snapshot_path):
        raise IndexExistsError(f"{snapshot_path} is an index already; choose a new folder.")
    return _copy_commit(index_path, snapshot_path)


def restore_snapshot(snapshot_path: Path, index_path: Path, *, replace: bool = False) -> Manifest:
    """Make a snapshot's documents those of the index at `index_path`, in one commit.

    Args:
        snapshot_path: the snapshot, which stays.
        index_path: the index, or a folder that is not there yet, or empty.
        replace: take the place of the index at `index_path`, damaged or not.

    Raises:
        CorruptIndexError: a file of the snapshot is damaged; the index is what it was.
        IndexExistsError: there is an index at `index_path` and `replace` is false.
        IndexLockedError: somebody writes at `index_path`.
    """
    if is_index(index_path) and not replace:
        raise IndexExistsError(
            f"{index_path} is an index already; choose another folder, or replace it "
            "(replace=True, --force)."
        )
    return _copy_commit(snapshot_path, index_path)


def _copy_commit(source: Path, target: Path) -> Manifest:
    read_manifest(source)
    if not (is_index(target) or is_vacant(target)):
        raise InvalidInputError(
            f"{target} holds something that is not an index; choose a new folder."
        )
    with write_lock(target):
        while True:
            manifest = read_manifest(source)
            try:
                copied = _publish(manifest, source, target)
            except CorruptIndexError:
                # A commit may have removed files meanwhile; then there is a newer one.
                if read_manifest(source).commit == manifest.commit:
                    raise
            else:
                remove_orphans(target, copied)
                return copied


def _publish(manifest: Manifest, source: Path, target: Path) -> Manifest:
    copy = _Copy(source, target)
    try:
        copied = copy.manifest(manifest)
        sync_folder(target / SEGMENT_FOLDER)
        write_manifest(target, copied)
    finally:
        copy.remove_unpublished()
    return copied


class _Copy:
    """The files of a commit, under numbers that the target has not used."""

    def __init__(self, source: Path, target: Path) -> None:
        self._path = target
        self._source = source / SEGMENT_FOLDER
        self._target = target / SEGMENT_FOLDER
        self._before = _readable_manifest(target)
        used = [int(one.name[:8]) for one in self._target.iterdir() if one.name[:8].isdecimal()]
        self._next_number = max(
            [self._before.next_file_number if self._before else 1, *(one + 1 for one in used)]
        )
        self._numbers: dict[str, int] = {}
        self._files: list[Path] = []

    def manifest(self, manifest: Manifest) -> Manifest:
        """Copy the files and return the manifest that names the copies."""
        commit = max(self._before.commit + 1, manifest.commit) if self._before else manifest.commit
        vocabulary = with_files(manifest.vocabulary, self._file)
        segments = [
            msgspec.structs.replace(one, name=one.arrays.name.partition(".")[0])
            for one in (with_files(segment, self._file) for segment in manifest.segments)
        ]
        return msgspec.structs.replace(
            manifest,
            commit=commit,
            next_file_number=self._next_number,
            vocabulary=vocabulary,
            segments=segments,
        )

    def remove_unpublished(self) -> None:
        """Remove the files that the manifest on disk does not name."""
        published = _readable_manifest(self._path)
        named = published.file_names() if published else set()
        for file in self._files:
            if file.name not in named:
                remove_file(file)

    def _file(self, entry: FileEntry) -> FileEntry:
        source = self._source / entry.name
        number, _, suffix = entry.name.partition(".")
        # Files of one number belong together.
        if number not in self._numbers:
            self._numbers[number] = self._next_number
            self._next_number += 1
        target = self._target / f"{self._numbers[number]:08d}.{suffix}"
        verify_file(source, entry)
        self._files.append(target)
        if not link_file(source, target):
            copied = copy_file(source, entry.size_bytes, target)
            if copied.xxh3_64 != entry.xxh3_64:
                raise CorruptIndexError(f"{source} changed while it was copied.")
        return msgspec.structs.replace(entry, name=target.name)


def _readable_manifest(path: Path) -> Manifest | None:
    try:
        return read_manifest(path) if is_index(path) else None
    except CorruptIndexError:
        return None
