"""How is a result written? Whole or not at all: what was there stays until the new is ready."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from lsr.errors import DISK_FULL_ERRNOS, DiskFullError, InvalidInputError


def made_folder(path: Path, what: str) -> Path:
    """Make a folder unless it is there, and return it.

    Args:
        path: the folder.
        what: noun for messages, such as ``report``.

    Raises:
        InvalidInputError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInputError(
            f"The folder {path} for the {what} cannot be made: {error.strerror}."
        ) from error
    return path


@contextmanager
def replacing(path: str | Path, what: str) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `path` when the block ends without an error.

    Args:
        path: where it will be; where that is a link, the file behind it is replaced.
        what: noun for messages, such as ``run``.

    Raises:
        InvalidInputError: the file cannot be written, or something else than a file is in the way.
        DiskFullError: no space is left; what was at `path` is untouched.
    """
    # The file behind a link is replaced, not the link; what lies in /dev is nobody's to replace.
    is_device = Path(path).absolute().is_relative_to("/dev")
    path = Path(path).resolve()
    if is_device or (path.exists() and not path.is_file()):
        raise InvalidInputError(f"{path} is not a regular file; name another file for the {what}.")
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        if error.errno in DISK_FULL_ERRNOS:
            free = shutil.disk_usage(path.parent).free
            raise DiskFullError(
                f"The disk, or a limit on it, is full: {path} could not be written; {free:,} bytes "
                "are free there. Free some space and run the command again."
            ) from error
        raise InvalidInputError(f"{path} could not be written: {error.strerror}.") from error
    finally:
        draft.unlink(missing_ok=True)
