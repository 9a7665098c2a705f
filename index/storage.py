"""How do bytes reach the disk? Through this file only: written once, synced, then published.

A file of the index is written under its final name before anything refers to it, synced, and never
changed again; the manifest is replaced by a rename. A full disk becomes `DiskFullError` here.

Everything that changes the disk is a method of `Disk`. The fault tests replace `disk` to fail, or
to kill the process, at each operation in turn; the lock file alone belongs to filelock.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import msgspec
import numpy as np
import xxhash
from numpy.typing import NDArray

from lsr.errors import (
    DISK_FULL_ERRNOS,
    CorruptIndexError,
    DiskFullError,
    IndexStorageError,
    UnsyncedError,
)

CHUNK_BYTES = 1 << 24
"""Bytes hashed between two looks at Ctrl-C."""

BUFFER_BYTES = 1 << 20
"""Small writes are gathered up to this size."""

_CANNOT_LINK = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS}
"""Another file system, one without links, or too many of them."""

Content = bytes | bytearray | memoryview

DRAFT_SUFFIX = ".tmp"
RESTORE = "restore it from a copy or build the index again with --force."


class Disk:
    """The operations that change a disk."""

    def create(self, path: Path) -> FileIO:
        """Open a new or emptied file."""
        return FileIO(path, "w")

    def write(self, file: FileIO, content: Content) -> None:
        """Append bytes."""
        rest = memoryview(content)
        while rest:
            rest = rest[file.write(rest) :]

    def sync(self, file: FileIO) -> None:
        """Force a file's bytes to the disk."""
        os.fsync(file.fileno())

    def sync_folder(self, path: Path) -> None:
        """Force the names in a folder to the disk."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, old: Path, new: Path) -> None:
        """Give a file another name, taking the place of what has it."""
        old.replace(new)

    def link(self, old: Path, new: Path) -> None:
        """Give a file a second name."""
        new.hardlink_to(old)

    def unlink(self, path: Path) -> None:
        """Remove a name of a file, if it is there."""
        path.unlink(missing_ok=True)

    def make_folder(self, path: Path) -> None:
        """Make a folder, unless it is there."""
        path.mkdir(exist_ok=True)

    def remove_folder(self, path: Path) -> None:
        """Remove an empty folder."""
        path.rmdir()


disk = Disk()


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's errors about `path` into errors with a remedy.

    Raises:
        DiskFullError: no space, quota or file size is left.
        IndexStorageError: any other failure, such as missing permission.
    """
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL_ERRNOS:
            raise DiskFullError(
                f"The disk is full: {path} could not be written; {_free_bytes(path):,} bytes are "
                "free there. Free some space and run the command again; the last commit is intact."
            ) from error
        reason = error.strerror or str(error)
        raise IndexStorageError(f"{path} could not be written: {reason}.") from error


@contextmanager
def _sync_errors(path: Path) -> Iterator[None]:
    """Turn the failure of a sync into an error that ends the writer.

    A second sync would succeed without having written what the first one lost.
    """
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL_ERRNOS:
            raise
        raise UnsyncedError(
            f"{path} could not be forced to the disk: {error.strerror or error}. Check the disk, "
            "then run the command again."
        ) from error


class FileEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of the index.

    Attributes:
        name: its name in the folder of segments.
        size_bytes: its length.
        xxh3_64: checksum of all its bytes.
        seal: the checksum with which an array file ends, so that opening it tells it from others.
    """

    name: str
    size_bytes: int
    xxh3_64: str
    seal: str | None = None


class NewFile:
    """A file that nothing refers to yet, hashed while it is written.

    Args:
        path: its place; what stood there is lost.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size_bytes = 0
        self._digest = xxhash.xxh3_64()
        self._part_digest = xxhash.xxh3_64()
        self._buffer = bytearray()
        with disk_errors(path):
            self._file = disk.create(path)

    @property
    def closed(self) -> bool:
        """Whether the file has been finished or abandoned."""
        return self._file.closed

    def write(self, content: Content) -> int:
        """Append bytes and return how many."""
        size = memoryview(content).nbytes
        self._digest.update(content)
        self._part_digest.update(content)
        self.size_bytes += size
        if len(self._buffer) + size < BUFFER_BYTES:
            self._buffer += content
        else:
            self._write_buffer()
            with disk_errors(self.path):
                disk.write(self._file, content)
        return size

    def end_part(self) -> int:
        """Return the XXH3-64 of what was appended since the last call."""
        digest = self._part_digest.intdigest()
        self._part_digest.reset()
        return digest

    def tell(self) -> int:
        """Return how many bytes have been appended."""
        return self.size_bytes

    def flush(self) -> None:
        """Do nothing: bytes count once the file is finished."""

    def finish(self) -> FileEntry:
        """Sync and close the file, and describe it for the manifest."""
        self._write_buffer()
        with disk_errors(self.path):
            with _sync_errors(self.path):
                disk.sync(self._file)
            self._file.close()
        return FileEntry(self.path.name, self.size_bytes, self._digest.hexdigest())

    def abandon(self) -> None:
        """Let go of the file without finishing it."""
        self._file.close()

    def _write_buffer(self) -> None:
        if self._buffer:
            with disk_errors(self.path):
                disk.write(self._file, self._buffer)
            self._buffer = bytearray()


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` at `path` so that a reader sees the old file or the new one, never a mix."""
    draft = NewFile(path.with_name(path.name + DRAFT_SUFFIX))
    try:
        draft.write(content)
        draft.finish()
    finally:
        draft.abandon()
    with disk_errors(path):
        disk.rename(draft.path, path)
        sync_folder(path.parent)


def link_file(source: Path, target: Path) -> bool:
    """Give a file a second name; False where the file system cannot.

    Raises:
        CorruptIndexError: the file is not there.
    """
    with disk_errors(target):
        try:
            disk.link(source, target)
        except FileNotFoundError:
            raise CorruptIndexError(f"{source} is missing; {RESTORE}") from None
        except OSError as error:
            if error.errno in _CANNOT_LINK:
                return False
            raise
    return True


def copy_file(source: Path, size_bytes: int, target: Path) -> FileEntry:
    """Copy a file, sync the copy, and describe it for the manifest."""
    content = map_file(source, size_bytes)
    copy = NewFile(target)
    try:
        for start in range(0, content.size, CHUNK_BYTES):
            copy.write(content[start : start + CHUNK_BYTES].data)
        return copy.finish()
    finally:
        copy.abandon()


def write_note(path: Path, text: str) -> None:
    """Write a file that may be lost in a crash."""
    with disk_errors(path), disk.create(path) as file:
        disk.write(file, text.encode())


def remove_file(path: Path) -> None:
    """Remove a file, if it is there."""
    with disk_errors(path):
        disk.unlink(path)


def make_folder(path: Path) -> None:
    """Make a folder and its parents, durably."""
    with disk_errors(path):
        for one in reversed([path, *path.parents]):
            if not one.exists():
                disk.make_folder(one)
                sync_folder(one.parent)


def remove_folder(path: Path) -> None:
    """Remove an empty folder."""
    with disk_errors(path):
        disk.remove_folder(path)


def remove_tree(path: Path) -> None:
    """Remove a file, or a folder with all that it holds."""
    if path.is_dir() and not path.is_symlink():
        for one in path.iterdir():
            remove_tree(one)
        remove_folder(path)
    else:
        remove_file(path)


def move_folder(old: Path, new: Path) -> bool:
    """Give a folder another name, durably; False where a folder that is not empty has it."""
    with disk_errors(new):
        try:
            disk.rename(old, new)
        except OSError as error:
            if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
                return False
            raise
        sync_folder(new.parent)
    return True


def sync_folder(path: Path) -> None:
    """Force the names in a folder to the disk."""
    with disk_errors(path), _sync_errors(path):
        disk.sync_folder(path)


def map_file(path: Path, size_bytes: int) -> NDArray[np.uint8]:
    """Map a whole file read-only.

    Raises:
        CorruptIndexError: the file is missing or its length is not `size_bytes`. Checking the
            length first keeps a truncated file from killing the process when it is read.
    """
    try:
        found = path.stat().st_size
        if found == size_bytes and found > 0:
            # Reading a value of a `memmap` takes ten times as long as of a plain array.
            return np.memmap(path, dtype=np.uint8, mode="r").view(np.ndarray)
    except FileNotFoundError:
        raise CorruptIndexError(f"{path} is missing; {RESTORE}") from None
    except OSError as error:
        raise IndexStorageError(f"{path} could not be read: {error.strerror}.") from error
    raise CorruptIndexError(
        f"{path} has {found:,} bytes where {size_bytes:,} were written; {RESTORE}"
    )


def checksum(content: NDArray[np.uint8]) -> str:
    """Return the XXH3-64 digest of mapped bytes, in hexadecimal."""
    digest = xxhash.xxh3_64()
    for start in range(0, content.size, CHUNK_BYTES):
        digest.update(content[start : start + CHUNK_BYTES].data)
    return digest.hexdigest()


def _free_bytes(path: Path) -> int:
    folder = next(parent for parent in [path, *path.absolute().parents] if parent.is_dir())
    return shutil.disk_usage(folder).free
