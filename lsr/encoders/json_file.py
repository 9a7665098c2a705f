"""How are JSON files read and written? Refused where one says nothing of the expected kind."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from lsr.encoders.unwritable import refused_in_words
from lsr.errors import UnsupportedModelError


def read_json(file: Path, kind: type) -> Any:
    """Return the value in a file, a dict or a list as `kind` says.

    Raises:
        UnsupportedModelError: the file is not readable, or holds something else.
    """
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise UnsupportedModelError(f"{file} is not readable JSON ({error}).") from error
    if not isinstance(value, kind):
        expected = "an object" if kind is dict else "a list"
        raise UnsupportedModelError(f"{file} must hold {expected}.")
    return value


def write_whole(contents: dict[Path, object]) -> None:
    """Write files as JSON of one entry a line, and rename them all at the end.

    Raises:
        InvalidInputError: one cannot be written.
        DiskFullError: the disk is full.
    """
    drafts = {path: path.with_name(f".{path.name}.{os.getpid()}.tmp") for path in contents}
    try:
        for path, value in contents.items():
            with refused_in_words(path), drafts[path].open("w", encoding="utf-8") as file:
                json.dump(value, file, ensure_ascii=False, indent=0)
                file.flush()
                os.fsync(file.fileno())
        for path, draft in drafts.items():
            with refused_in_words(path):
                draft.replace(path)
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)
