import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsr.corpus.varints import decode_varints, encode_varint, encode_varints, varint_sizes

INTEGERS = st.one_of(st.integers(0, 300), st.integers(0, 2**64 - 1))


def naive(value: int) -> bytes:
    """Write an integer by the definition: seven bits at a time, lowest first."""
    parts = []
    while True:
        value, low = value >> 7, value & 127
        parts.append(low | (128 if value else 0))
        if not value:
            return bytes(parts)


@given(st.lists(INTEGERS))
def test_integers_are_written_by_the_definition_and_read_back(values: list[int]) -> None:
    encoded = encode_varints(values)

    assert encoded == b"".join(map(naive, values))
    assert b"".join(map(encode_varint, values)) == encoded
    assert decode_varints(encoded).tolist() == values


def test_the_example_of_the_documentation() -> None:
    assert encode_varints([150]) == b"\x96\x01"


@given(st.integers(0, 2**64 - 1))
def test_sizes_are_those_of_the_bytes(value: int) -> None:
    (size,) = varint_sizes(np.array([value], dtype=np.uint64)).tolist()

    assert size == len(naive(value))


@pytest.mark.parametrize("content", [b"\x80", b"\x01\xff", b"\x80" * 10 + b"\x01"])
def test_what_is_no_integer_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="integer"):
        decode_varints(content)
