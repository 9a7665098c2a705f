"""How are the messages of a file of protocol buffers told apart? By the length before each.

Only what CIFF uses is known: integers, 64-bit floats, and texts or nested messages, each behind a
tag that is its field's number and kind.

Source: Protocol Buffers documentation, "Encoding".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lsr.corpus.varints import MAX_BYTES

VARINT, DOUBLE, BYTES = 0, 1, 2

_COMPACT_BYTES = 1 << 20
"""Read bytes that are kept before the buffer is moved up."""

_MORE = 0x80

Field = tuple[int, int | bytes]
"""Number of a field, and its value: bytes for all kinds but integers."""


class Messages:
    """The messages of a file, one after the other.

    Args:
        contents: the file's bytes, in chunks.
    """

    def __init__(self, contents: Iterable[bytes]) -> None:
        self._chunks = iter(contents)
        self._buffer = bytearray()
        self._at = 0

    def read(self) -> bytes:
        """Return the next message.

        Raises:
            ValueError: the file ends before it does.
        """
        size, self._at = self._size()
        self._fill(size)
        message = bytes(self._buffer[self._at : self._at + size])
        self._at += size
        if self._at > _COMPACT_BYTES:
            del self._buffer[: self._at]
            self._at = 0
        return message

    def is_at_end(self) -> bool:
        """Say whether nothing follows."""
        try:
            self._fill(1)
        except ValueError:
            return True
        return False

    def _size(self) -> tuple[int, int]:
        for n_bytes in range(1, MAX_BYTES + 1):
            self._fill(n_bytes)
            if self._buffer[self._at + n_bytes - 1] < _MORE:
                return read_varint(self._buffer, self._at)
        raise ValueError("a length is longer than any can be")

    def _fill(self, n_bytes: int) -> None:
        while len(self._buffer) - self._at < n_bytes:
            chunk = next(self._chunks, None)
            if chunk is None:
                raise ValueError("the file ends too early")
            self._buffer += chunk


def read_varint(content: bytes | bytearray, at: int) -> tuple[int, int]:
    """Return the integer that begins at a place, and the place behind it.

    Raises:
        ValueError: it is cut short or too long.
    """
    value = 0
    for place in range(MAX_BYTES):
        if at + place >= len(content):
            raise ValueError("an integer is cut short")
        byte = content[at + place]
        value |= (byte & (_MORE - 1)) << 7 * place
        if byte < _MORE:
            return value, at + place + 1
    raise ValueError("an integer is longer than any can be")


def fields(message: bytes) -> Iterator[tuple[Field, int]]:
    """Yield each field of a message, with the place where it begins.

    Raises:
        ValueError: the message is malformed.
    """
    at = 0
    while at < len(message):
        begin = at
        tag, at = read_varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            value, at = read_varint(message, at)
            yield (number, value), begin
            continue
        if kind not in (DOUBLE, BYTES):
            raise ValueError(f"field {number} is of kind {kind}")
        size, at = read_varint(message, at) if kind == BYTES else (8, at)
        if at + size > len(message):
            raise ValueError(f"field {number} is cut short")
        yield (number, message[at : at + size]), begin
        at += size
