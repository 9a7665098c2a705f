"""How are integers written in as few bytes as they need? Seven bits a byte, lowest first.

The highest bit of a byte says that another one follows. So protocol buffers write tags, lengths and
numbers; the lists of an index hold hundreds of millions of them, which is why whole arrays are
turned at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

MAX_BYTES = 10
"""Bytes of the largest integer, of 64 bits."""

_MORE = 0x80


def varint_sizes(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return how many bytes each integer takes."""
    sizes = np.ones(values.size, dtype=np.int64)
    largest = int(values.max(initial=0))
    for n_bytes in range(1, -(-largest.bit_length() // 7)):
        sizes += values >= np.uint64(1 << 7 * n_bytes)
    return sizes


def encode_varint(value: int) -> bytes:
    """Write one integer; for a single one this is the faster way."""
    encoded = bytearray()
    while value >= _MORE:
        encoded.append(value & (_MORE - 1) | _MORE)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def encode_varints(integers: ArrayLike) -> bytes:
    """Write integers, from 0 to 2**64 - 1, one behind the other."""
    values = np.asarray(integers, dtype=np.uint64).ravel()
    sizes = varint_sizes(values)
    ends = np.cumsum(sizes)
    starts = ends - sizes
    encoded = np.empty(int(ends[-1]) if ends.size else 0, dtype=np.uint8)
    for place in range(int(sizes.max(initial=0))):
        longer = sizes > place
        bits = (values[longer] >> np.uint64(7 * place)) & np.uint64(_MORE - 1)
        follows = np.where(sizes[longer] > place + 1, _MORE, 0)
        encoded[starts[longer] + place] = bits.astype(np.uint8) | follows.astype(np.uint8)
    return encoded.tobytes()


def decode_varints(encoded: bytes | memoryview) -> NDArray[np.uint64]:
    """Read integers to the end of the bytes.

    Raises:
        ValueError: the last one is cut short, or one is longer than `MAX_BYTES`.
    """
    content = np.frombuffer(encoded, dtype=np.uint8)
    ends = np.flatnonzero(content < _MORE)
    if content.size and (not ends.size or ends[-1] != content.size - 1):
        raise ValueError("the last integer is cut short")
    starts = np.append(0, ends[:-1] + 1) if ends.size else ends
    sizes = ends - starts + 1
    if sizes.max(initial=0) > MAX_BYTES:
        raise ValueError(f"an integer is longer than {MAX_BYTES} bytes")
    values = np.zeros(ends.size, dtype=np.uint64)
    for place in range(int(sizes.max(initial=0))):
        longer = sizes > place
        bits = content[starts[longer] + place].astype(np.uint64) & np.uint64(_MORE - 1)
        values[longer] |= bits << np.uint64(7 * place)
    return values
