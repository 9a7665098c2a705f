"""Who may write? One process at a time: the holder of the lock file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import filelock

from lsr.errors import IndexLockedError
from lsr.index.storage import disk_errors

LOCK_NAME = "write.lock"
HOLDER_NAME = "writer.txt"


@contextmanager
def write_lock(path: Path) -> Iterator[None]:
    """Hold the index's write lock. The operating system drops it when the process ends.

    Raises:
        IndexLockedError: another writer holds it; says which process, since when.
    """
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
        with disk_errors(holder):
            now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            holder.write_text(f"process {os.getpid()} since {now}\n")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()
