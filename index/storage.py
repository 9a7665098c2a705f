"""How do bytes reach the disk? Through this file only: written once, synced, then published.

A file of the index is written under its final name before anything refers to it, synced, and never
changed again; the manifest is replaced by a rename. A full disk becomes `DiskFullError` here.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import xxhash
from numpy.typing import NDArray

from lsr.errors import DISK_FULL_ERRNOS, CorruptIndexError, DiskFullError, IndexStorageError

CHUNK_BYTES = 1 << 24
"""Bytes hashed between two looks at Ctrl-C."""

DRAFT_SUFFIX = ".tmp"


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


def make_folder(path: Path) -> None:
    """Make a folder and its parents, durably."""
    with disk_errors(path):
        missing = [one for one in [path, *path.parents] if not one.exists()]
        path.mkdir(parents=True, exist_ok=True)
        for one in reversed(missing):
            sync_folder(one.parent)


def sync_file(path: Path) -> None:
    """Force a file's bytes to the disk."""
    with disk_errors(path), path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Force the names in a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_file(path: Path, parts: Iterator[bytes | memoryview]) -> None:
    """Write a file that nothing refers to yet, and sync it."""
    with disk_errors(path), path.open("wb") as file:
        for part in parts:
            file.write(part)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` at `path` so that a reader sees the old file or the new one, never a mix."""
    draft = path.with_name(path.name + DRAFT_SUFFIX)
    write_file(draft, iter([content]))
    with disk_errors(path):
        draft.replace(path)
        sync_folder(path.parent)


def map_file(path: Path, size_bytes: int) -> NDArray[np.uint8]:
    """Map a whole file read-only.

    Raises:
        CorruptIndexError: the file is missing or its length is not `size_bytes`. Checking the
            length first keeps a truncated file from killing the process when it is read.
    """
    try:
        found = path.stat().st_size
        if found == size_bytes and found > 0:
            return np.memmap(path, dtype=np.uint8, mode="r")
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


RESTORE = "restore it from a copy or build the index again with --force."


def _free_bytes(path: Path) -> int:
    folder = next(parent for parent in [path, *path.absolute().parents] if parent.is_dir())
    return shutil.disk_usage(folder).free
