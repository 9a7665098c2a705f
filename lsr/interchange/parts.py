"""How does a collection fit a server's requests? In files of a few megabytes, one a request."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lsr.interchange.folder import new_file

PART_BYTES = 8 << 20
"""Servers take requests of 32 MB (Qdrant) or 100 MB (Elasticsearch, OpenSearch) by default."""


def write_parts(
    folder: Path,
    name: str,
    items: Iterable[bytes],
    *,
    head: bytes = b"",
    separator: bytes = b"",
    tail: bytes = b"",
) -> None:
    """Write items to as many files as they need, and at least one.

    Args:
        folder: where.
        name: of the files, with ``{}`` for their number.
        items: none is cut in two.
        head: begins each file.
        separator: stands between two items of a file.
        tail: ends each file.
    """
    stream = iter(items)
    waiting = next(stream, None)
    number = 0
    while waiting is not None or number == 0:
        with new_file(folder / name.format(f"{number:05}")) as file:
            file.write(head)
            if waiting is not None:
                file.write(waiting)
                waiting = next(stream, None)
            rest = PART_BYTES - len(separator) - len(tail)
            while waiting is not None and file.size_bytes + len(waiting) <= rest:
                file.write(separator + waiting)
                waiting = next(stream, None)
            file.write(tail)
        number += 1
