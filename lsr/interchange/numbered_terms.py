"""What are the terms called that a file only numbers? A list of names beside it says so."""

from __future__ import annotations

from pathlib import Path

import msgspec

from lsr.interchange.folder import new_file
from lsr.interchange.source import Source

FILE_NAME = "terms.json"


def write_term_names(source: Source, folder: Path) -> None:
    """Write the name of each term number, in order."""
    with new_file(folder / FILE_NAME) as file:
        file.write(msgspec.json.encode(source.names))
