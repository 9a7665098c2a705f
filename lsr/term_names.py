"""How is a term written for a reader? Without the marks of its tokenizer, in letters.

Vocabularies tell the first piece of a word from others in one of three ways: WordPiece marks the
others with "##", and the two families whose pieces keep the space before a word show it as a letter
of its own. Here the others are marked in all three. Byte-level pieces are spelt in stand-ins for
bytes, which are turned back; bytes that are no whole character are shown as numbers.

Source of the stand-ins: A. Radford et al., "Language Models are Unsupervised Multitask Learners",
2019, and the encoder published with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import StrEnum

from lsr.words import IDEOGRAPHS

CONTINUATION = "##"

_SPECIAL = re.compile(r"<.+>|\[.+\]")
_JOINS_A_WORD = re.compile(rf"[^\W_{IDEOGRAPHS}]")


class _Mark(StrEnum):
    """The beginning of many names of a vocabulary."""

    WORD_PIECE = CONTINUATION
    BYTE_LEVEL = "\u0120"
    SENTENCE_PIECE = "\u2581"


def name_reader(names: Iterable[str]) -> Callable[[str], str]:
    """Return the function that writes a term's name for a reader.

    Args:
        names: all of the vocabulary, from which its kind is told; without a known mark among them,
            names stay as they are.
    """
    marks = tuple(_Mark)
    marked = [name for name in names if name.startswith(marks) and name not in marks]
    counts = {mark: sum(name.startswith(mark) for name in marked) for mark in marks}
    mark = max(_Mark, key=lambda one: counts[one])
    if mark is _Mark.WORD_PIECE or not counts[mark]:
        return _printable
    return _byte_level_name if mark is _Mark.BYTE_LEVEL else _sentence_piece_name


def _byte_level_name(name: str) -> str:
    if _SPECIAL.fullmatch(name) or not set(name) <= _BYTES.keys():
        return _printable(name)
    spelt = bytes(_BYTES[letter] for letter in name).decode("utf-8", "backslashreplace")
    return _marked(spelt, " ")


def _sentence_piece_name(name: str) -> str:
    return name if _SPECIAL.fullmatch(name) else _marked(name, _Mark.SENTENCE_PIECE)


def _marked(name: str, space: str) -> str:
    """Drop the space before a word, and mark a piece that has none but goes on with a word."""
    if name.startswith(space):
        name = name.removeprefix(space) or space
    elif _JOINS_A_WORD.match(name):
        name = CONTINUATION + name
    return _printable(name.replace(space, "\u2423"))


def _printable(name: str) -> str:
    if name.isprintable():
        return name
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in name
    )


def _byte_letters() -> dict[str, int]:
    """Return the byte that each letter stands for: itself if it is visible, else one further on."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(0x100) if byte not in visible]
    return {chr(byte): byte for byte in visible} | {
        chr(0x100 + number): byte for number, byte in enumerate(hidden)
    }


_BYTES = _byte_letters()
