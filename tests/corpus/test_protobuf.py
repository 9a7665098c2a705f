"""Messages are told apart whatever the chunks in which they come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lsr.corpus.protobuf
from ciff_file import bytes_field, message, number_field
from lsr.corpus.protobuf import Messages, fields, read_varint


@given(st.lists(st.binary(max_size=300)), st.integers(1, 40), st.integers(0, 100))
def test_messages_come_back_one_by_one(contents: list[bytes], size: int, kept: int) -> None:
    joined = b"".join(map(message, contents))
    chunks = [joined[start : start + size] for start in range(0, len(joined), size)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lsr.corpus.protobuf, "_COMPACT_BYTES", kept)
        messages = Messages(chunks)

        assert [messages.read() for _ in contents] == contents
        assert messages.is_at_end()


@pytest.mark.parametrize("content", [b"", b"\x05abcd", b"\x80", b"\xff" * 11])
def test_what_is_no_message_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"ends too early|longer than any"):
        Messages([content]).read()


def test_fields_come_with_their_places() -> None:
    content = number_field(1, 300) + bytes_field(2, b"ab") + b"\x19" + bytes(8)

    assert list(fields(content)) == [((1, 300), 0), ((2, b"ab"), 3), ((3, bytes(8)), 7)]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\x0a\x05ab", "field 1 is cut short"),
        (b"\x09ab", "field 1 is cut short"),
        (b"\x0b", "field 1 is of kind 3"),
        (b"\x08", "an integer is cut short"),
        (b"\x08" + b"\x80" * 10 + b"\x01", "longer than any"),
    ],
)
def test_malformed_fields_are_refused(content: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        list(fields(content))


def test_an_integer_may_begin_anywhere() -> None:
    assert read_varint(b"\xff\x96\x01\xff", 1) == (150, 3)
