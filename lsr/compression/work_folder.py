"""Where is what is done of a recipe kept? In a folder beside the output; it knows whose it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lsr.errors import ConfigError, InvalidInputError

KEY = "key"


def work_folder(output: Path, key: str) -> Path:
    """Return the folder of what is done already, made if need be."""
    work = output.absolute().with_name(f".{output.name}.work")
    file = work / KEY
    if file.is_file() and file.read_text() != key:
        raise ConfigError(
            f"The recipe, its model or its texts changed since {output} was begun; change them "
            f"back, or remove {work} to begin again."
        )
    try:
        work.mkdir(parents=True, exist_ok=True)
        file.write_text(key)
    except OSError as error:
        raise InvalidInputError(f"{work} cannot be written: {error.strerror}.") from error
    return work


def keep(file: Path, **arrays: Any) -> None:
    """Write arrays to a file that is there whole or not at all."""
    draft = file.with_suffix(".tmp.npz")
    np.savez(draft, **arrays)
    draft.replace(file)
