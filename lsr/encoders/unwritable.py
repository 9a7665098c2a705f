"""What is said of a file or folder that cannot be written? That the disk is full, or else why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lsr.errors import DISK_FULL_ERRNOS, DiskFullError, InvalidInputError


@contextmanager
def refused_in_words(path: Path) -> Iterator[None]:
    """Say what is wrong where the block, which writes `path`, fails for the system's sake.

    Raises:
        InvalidInputError: `path` cannot be written.
        DiskFullError: the disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL_ERRNOS:
            raise DiskFullError(
                f"The disk is full: {path} could not be written; free some space and try again."
            ) from error
        raise InvalidInputError(f"{path} cannot be written: {error.strerror}.") from error
