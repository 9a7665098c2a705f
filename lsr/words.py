"""What is a word of a text, and of which pieces did a tokenizer make it?

Tokenizers cut words into pieces, each in its own way and with its own marks. Where a piece stands
in a text tells to which word it belongs, whichever tokenizer made it; its name is not looked at.

A word is a run of letters and digits with the accents that combine with them. An apostrophe between
letters belongs to it ("don't"), as do a point and a comma between digits ("3.14"). An ideograph and
any other visible character are words of their own, unless a piece spans several of them. Emoji that
are joined or modified are one.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from lsr.errors import InvalidInputError

TermSpan = tuple[int, int, int]
"""Term id, start and end of one piece in a text."""

IDEOGRAPHS = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Written without spaces between words; for use inside brackets of a regular expression."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word that pieces lie in.

    Attributes:
        text: the word, as it is written.
        start: where it starts in the text.
        end: where it ends.
        terms: of its pieces, in order.
    """

    text: str
    start: int
    end: int
    terms: tuple[int, ...]


def words_of(text: str, spans: Iterable[TermSpan]) -> list[Word]:
    """Return the words that pieces of a text lie in, in order, disjoint, each with its pieces.

    A piece that covers no visible character, such as the mark of a word's beginning, belongs to the
    word behind it; at the end of the text, to none.

    Args:
        text: the text.
        spans: pieces of it, as `Encoder.term_spans` returns them; some or all.

    Raises:
        InvalidInputError: a piece lies outside of the text.
    """
    units = _units(text)
    starts = [start for start, _ in units]
    found: list[tuple[int, int, list[int]]] = []
    for term, start, end in sorted(spans, key=lambda span: span[1]):
        if not 0 <= start <= end <= len(text):
            raise InvalidInputError(
                f"The term {term} stands at {start} to {end}, but the text has {len(text)} "
                "characters; the offsets are of another text."
            )
        first = max(0, bisect_right(starts, start) - 1)
        if units and units[first][1] <= start:
            first += 1
        if first >= len(units):
            continue
        last = max(first, bisect_left(starts, end) - 1)
        if found and first <= found[-1][1]:
            first, before, terms = found.pop()
            found.append((first, max(before, last), [*terms, term]))
        else:
            found.append((first, last, [term]))
    return [
        Word(text[units[first][0] : units[last][1]], units[first][0], units[last][1], tuple(terms))
        for first, last, terms in found
    ]


def _units(text: str) -> list[tuple[int, int]]:
    """Return where the smallest words stand."""
    marks = sorted(one for one in set(text) if unicodedata.category(one).startswith("M"))
    return [match.span() for match in _unit_pattern("".join(marks)).finditer(text)]


@lru_cache
def _unit_pattern(marks: str) -> re.Pattern[str]:
    """Return what matches the smallest words.

    Args:
        marks: those of a text that combine with letters, which regular expressions cannot tell.
    """
    joiner = "\u200d"
    follower = f"[{marks}\u200c{joiner}\U0001f3fb-\U0001f3ff]"  # and the tones of emoji
    letter = rf"[^\W{IDEOGRAPHS}]"
    inside = rf"['\u2019](?={letter})|(?<=\d)[.,](?=\d)"
    return re.compile(
        rf"[{IDEOGRAPHS}]{follower}*"
        rf"|{letter}(?:{letter}|{follower}|{inside})*"
        rf"|[^\w\s](?:{follower}|(?<={joiner})[^\w\s])*"
    )
