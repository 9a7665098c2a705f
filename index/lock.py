"""Who may write? One process at a time: the holder of the lock file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from lsr.errors import IndexLockedError
from lsr.index.checkpoint import CHECKPOINT_DRAFT_NAME, CHECKPOINT_NAME
from lsr.index.manifest import DRAFT_NAME, SEGMENT_FOLDER, is_index
from lsr.index.storage import (
    disk_errors,
    make_folder,
    remove_file,
    remove_folder,
    write_note,
)

LOCK_NAME = "write.lock"
HOLDER_NAME = "writer.txt"
_LEFTOVERS = {
    *(SEGMENT_FOLDER, LOCK_NAME, HOLDER_NAME, DRAFT_NAME),
    *(CHECKPOINT_NAME, CHECKPOINT_DRAFT_NAME),
}


def is_vacant(path: Path) -> bool:
    """Say whether a new index may be made at `path`.

    There is nothing, or an empty folder, or what an interrupted first writer left.
    """
    if not path.exists():
        return True
    return path.is_dir() and {one.name for one in path.iterdir()} <= _LEFTOVERS


@contextmanager
def write_lock(path: Path) -> Iterator[None]:
    """Hold the write lock of the index at `path`, whose folder is made if need be.

    The operating system drops the lock when the process ends. A folder made here in which nothing
    was committed goes again.

    Raises:
        IndexLockedError: another writer holds it; says which process, since when.
    """
    import filelock  # who only searches does not wait for it

    is_new = not path.exists()
    make_folder(path / SEGMENT_FOLDER)
    lock = filelock.FileLock(path / LOCK_NAME)
    holder = path / HOLDER_NAME
    with disk_errors(path / LOCK_NAME):
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            who = holder.read_text().strip() if holder.is_file() else "another process"
            raise IndexLockedError(
                f"{path} is being written by {who}; wait for it to finish, or stop it."
            ) from None
    try:
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        write_note(holder, f"process {os.getpid()} since {now}\n")
        yield
    finally:
        # Everything while the lock is held, so that nobody else is in the folder.
        try:
            remove_file(holder)
            if is_new and not is_index(path) and not (path / CHECKPOINT_NAME).exists():
                _remove_leftovers(path)
        finally:
            lock.release()


def _remove_leftovers(path: Path) -> None:
    for name in (LOCK_NAME, DRAFT_NAME, CHECKPOINT_DRAFT_NAME):
        remove_file(path / name)
    remove_folder(path / SEGMENT_FOLDER)
    remove_folder(path)
