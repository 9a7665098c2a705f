"""How does a folder of files appear whole? Written under another name, and renamed at the end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lsr.encoders.unwritable import refused_in_words
from lsr.errors import InvalidInputError


@contextmanager
def whole_folder(folder: Path, *, replace: Path | None = None) -> Iterator[Path]:
    """Yield an empty folder that becomes `folder` if the block ends well, and is gone if not.

    Args:
        folder: that is to appear.
        replace: the name of a file; a folder of that name that holds it is replaced. None to
            replace nothing but an empty folder.

    Raises:
        InvalidInputError: something is in the way, or `folder` cannot be written.
        DiskFullError: the disk is full.
    """
    folder = folder.absolute()
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    draft = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    _refuse_what_is_there(folder, replace)
    try:
        with refused_in_words(folder):
            draft.mkdir(parents=True)
            yield draft
            for path in sorted(draft.rglob("*")):
                _sync(path)
            _sync(draft)
            if folder.exists():
                folder.rename(old)
            draft.rename(folder)
            _sync(folder.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _refuse_what_is_there(folder: Path, replace: Path | None) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if replace is None:
        raise InvalidInputError(
            f"{folder} exists; choose another folder, or replace it (replace=True, --force)."
        )
    if not (folder / replace).is_file():
        raise InvalidInputError(
            f"{folder} holds something that is not a model; choose another folder."
        )


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
