"""How does a file become lines of bytes? Plain or compressed, in bounded memory."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterable, Iterator
from gzip import GzipFile
from io import BufferedIOBase
from pathlib import Path

from lsr.errors import InvalidInputError
from lsr.zstd import ZstdError, ZstdFile

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
        with path.open("rb") as file, _decompressed(file, codec) as stream:
            yield from _without_mark(iter(lambda: stream.read(_CHUNK_BYTES), b""))
    except (OSError, EOFError, zlib.error, ZstdError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the operating system's own
            raise InvalidInputError(f"{path} cannot be read: {_reason(error)}.") from error
        raise InvalidInputError(
            f"{path}: the {codec} data are damaged or cut short ({_reason(error)}); "
            "fetch or compress the file again."
        ) from error


def _decompressed(file: BufferedIOBase, codec: str | None) -> BufferedIOBase:
    if codec == "gzip":
        return GzipFile(fileobj=file)
    return ZstdFile(file) if codec == "zstd" else file


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


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).rstrip(".")
