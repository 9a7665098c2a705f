"""How does an export reach the disk? As a folder that is written aside, and renamed when whole.

So whoever finds a folder finds all of it, and an error, a full disk or Ctrl-C leaves what was there
before. Only an export is ever replaced: it is known by its record.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lsr.errors import InvalidInputError
from lsr.index.storage import DRAFT_SUFFIX, NewFile, disk, disk_errors, make_folder, sync_folder

RECORD_NAME = "lsr-export.json"


@contextmanager
def new_export(path: Path, *, replace: bool) -> Iterator[Path]:
    """Make a folder; the block fills another, which then takes its name.

    Args:
        path: the folder, new or empty.
        replace: take the place of an export that is there.

    Raises:
        InvalidInputError: something is in the way.
        DiskFullError: no space is left; what was at `path` is untouched.
    """
    path = path.resolve()
    _refuse_occupied(path, replace)
    draft = path.with_name(f".{path.name}.{os.getpid()}{DRAFT_SUFFIX}")
    _remove(draft)
    try:
        make_folder(draft)
        yield draft
        for folder in [draft, *(one for one in draft.rglob("*") if one.is_dir())]:
            sync_folder(folder)
        _publish(draft, path)
    finally:
        _remove(draft)


@contextmanager
def new_file(path: Path) -> Iterator[NewFile]:
    """Write a file, which is on the disk when the block has ended without an error."""
    file = NewFile(path)
    try:
        yield file
        file.finish()
    finally:
        file.abandon()


def _refuse_occupied(path: Path, replace: bool) -> None:
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not (path / RECORD_NAME).is_file():
        raise InvalidInputError(
            f"{path} holds something that is not an export; choose a new folder."
        )
    if not replace:
        raise InvalidInputError(
            f"{path} holds an export already; choose another folder, or replace it (--force)."
        )


def _publish(draft: Path, path: Path) -> None:
    before = path.with_name(f"{draft.name}.before")
    with disk_errors(path):
        is_occupied = path.exists()
        if is_occupied:
            disk.rename(path, before)
        disk.rename(draft, path)
    sync_folder(path.parent)
    if is_occupied:
        _remove(before)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
