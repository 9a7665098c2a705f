"""How are the line formats of evaluation read? Numbered lines of UTF-8, plain or compressed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lsr.corpus.opening import chunks, lines
from lsr.errors import InvalidInputError


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number, from 1, and the text of every line that is not blank.

    Raises:
        InvalidInputError: the file cannot be read or decompressed, or a line is not UTF-8.
    """
    for number, raw in lines(chunks(path), str(path)):
        try:
            line = raw.decode().rstrip("\r")
        except UnicodeDecodeError:
            raise InvalidInputError(f"{path}:{number}: the line is not UTF-8 text.") from None
        if line.strip():
            yield number, line
