"""How does a file become lines of bytes? Plain or compressed, in bounded memory."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pyarrow as pa

from lsr.errors import InvalidInputError

CODECS = {".gz": "gzip", ".zst": "zstd"}
MAX_LINE_BYTES = 64 << 20
"""Longest line that is buffered; a decompression bomb is one line of gigabytes."""

_CHUNK_BYTES = 1 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def chunks(path: Path) -> Iterator[bytes]:
    """Yield the contents of a file, decompressed if its name says so, without byte-order mark.

    Raises:
        InvalidInputError: the file cannot be read, or its compressed data are damaged.
    """
    codec = CODECS.get(path.suffix.lower())
    try:
        with (
            path.open("rb") as file,
            pa.CompressedInputStream(file, codec) if codec else nullcontext(file) as stream,
        ):
            yield from _without_mark(iter(lambda: stream.read(_CHUNK_BYTES), b""))
    except OSError as error:
        if codec and error.errno is None:  # the operating system's own errors carry a number
            raise InvalidInputError(
                f"{path}: the {codec} data are damaged or cut short ({_reason(error)}); "
                "fetch or compress the file again."
            ) from error
        raise InvalidInputError(f"{path} cannot be read: {_reason(error)}.") from error


def stdin_chunks() -> Iterator[bytes]:
    """Yield what arrives on standard input, without byte-order mark."""
    return _without_mark(iter(lambda: sys.stdin.buffer.read(_CHUNK_BYTES), b""))


def lines(contents: Iterable[bytes], name: str) -> Iterator[tuple[int, bytes]]:
    r"""Yield the number, from 1, and the bytes of each line, without its ``\n``.

    Raises:
        InvalidInputError: a line is longer than `MAX_LINE_BYTES`; nothing more is read.
    """
    number = 1
    pending: list[bytes] = []
    size = 0
    for chunk in contents:
        first, *others = chunk.split(b"\n")
        pending.append(first)
        size += len(first)
        if size > MAX_LINE_BYTES:
            raise InvalidInputError(
                f"{name}:{number}: the line is longer than {MAX_LINE_BYTES >> 20} MiB, which no "
                "record may be; split it, or check that this is a file of lines."
            )
        if others:
            yield number, b"".join(pending)
            yield from enumerate(others[:-1], number + 1)
            number += len(others)
            pending, size = [others[-1]], len(others[-1])
    if size:
        yield number, b"".join(pending)


def _without_mark(contents: Iterator[bytes]) -> Iterator[bytes]:
    # A chunk may be as short as a byte, so gather enough to recognise the mark.
    start = b""
    for chunk in contents:
        start += chunk
        if len(start) >= len(_BYTE_ORDER_MARK):
            break
    if start:
        yield start.removeprefix(_BYTE_ORDER_MARK)
    yield from contents


def _reason(error: OSError) -> str:
    return str(error.strerror or error).rstrip(".")
