"""How is a filter written on the command line?

Loosest binding first; words in any case; a quotation mark inside a text is doubled:

    filter    = all-of { "or" all-of }
    all-of    = term { "and" term }
    term      = "not" term | "(" filter ")" | "exists" "(" FIELD ")" | FIELD condition
    condition = ( "=" | "<" | "<=" | ">" | ">=" ) VALUE | "in" "(" VALUE { "," VALUE } ")"
    VALUE     = 2020 | -0.5 | 'text' | "text" | true | false
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from reprlib import repr as short_repr
from typing import NamedTuple, NoReturn

from lsr.errors import InvalidInputError
from lsr.index.fields import NAME_PATTERN, RESERVED_WORDS, Scalar
from lsr.index.filters import (
    AllOf,
    AnyOf,
    Comparison,
    Exists,
    Filter,
    Negation,
    OneOf,
    Operator,
    joined,
    refuse_depth,
)

MAX_NUMBER_LENGTH = 400
"""Characters of a number: more than any 64-bit float needs."""

# Possessive quantifiers (*+) never go back, so that no text takes more than linear time.
_TOKEN = re.compile(
    rf"""
    \s*+
    (?: (?P<number>[+-]?[0-9]++(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)
      | (?P<text>'(?:[^']|'')*+'|"(?:[^"]|"")*+")
      | (?P<word>{NAME_PATTERN})
      | (?P<symbol><=|>=|[=<>(),])
      | (?P<end>\Z)
      | (?P<unknown>.)
    )
    """,
    re.VERBOSE | re.DOTALL,
)
_TRUTHS = {"true": True, "false": False}


def filter_from_text(source: str) -> Filter:
    """Read the text form of a filter, without looking at which fields there are.

    Raises:
        InvalidInputError: it is malformed; the message names the column and what belongs there.
    """
    return _Parser(source).parse()


class _Token(NamedTuple):
    kind: str
    text: str
    column: int


class _Parser:
    """Recursive descent along the grammar above, one token ahead."""

    def __init__(self, source: str) -> None:
        self._tokens = _tokens(source)
        self._token = next(self._tokens)

    def parse(self) -> Filter:
        found = self._any_of(0)
        if self._token.kind != "end":
            self._refuse("and, or, or the end belongs")
        return found

    def _any_of(self, depth: int) -> Filter:
        parts = [self._all_of(depth)]
        while self._accept("or"):
            parts.append(self._all_of(depth))
        return joined(AnyOf, parts)

    def _all_of(self, depth: int) -> Filter:
        parts = [self._term(depth)]
        while self._accept("and"):
            parts.append(self._term(depth))
        return joined(AllOf, parts)

    def _term(self, depth: int) -> Filter:
        refuse_depth(depth)
        if self._accept("not"):
            return Negation(self._term(depth + 1))
        if self._accept("("):
            found = self._any_of(depth + 1)
            self._expect(")")
            return found
        if self._accept("exists"):
            self._expect("(")
            exists = Exists(self._field("the name of a field belongs"))
            self._expect(")")
            return exists
        return self._condition(self._field("the name of a field, not, exists or ( belongs"))

    def _condition(self, field: str) -> Filter:
        if self._accept("in"):
            self._expect("(")
            values = [self._value()]
            while self._accept(","):
                values.append(self._value())
            self._expect(")")
            return OneOf(field, tuple(values))
        if self._token.text not in list(Operator):
            self._refuse(f"one of {' '.join(Operator)} or in belongs")
        return Comparison(field, Operator(self._advance().text), self._value())

    def _field(self, expected: str) -> str:
        if self._token.kind != "word" or self._token.text.lower() in RESERVED_WORDS:
            self._refuse(expected)
        return self._advance().text

    def _value(self) -> Scalar:
        kind, text, _ = self._token
        value: Scalar
        if kind == "text":
            value = text[1:-1].replace(text[0] * 2, text[0])
        elif kind == "word" and text.lower() in _TRUTHS:
            value = _TRUTHS[text.lower()]
        elif kind == "number" and len(text) <= MAX_NUMBER_LENGTH:
            value = int(text) if text.lstrip("+-").isdigit() else float(text)
        else:
            self._refuse("a value such as 2020, true or a text in quotation marks belongs")
        self._advance()
        return value

    def _expect(self, symbol: str) -> None:
        if not self._accept(symbol):
            self._refuse(f"{symbol} belongs")

    def _accept(self, wanted: str) -> bool:
        """Pass over a symbol or a word of the language, if it is next."""
        is_next = self._token.kind in ("word", "symbol") and self._token.text.lower() == wanted
        if is_next:
            self._advance()
        return is_next

    def _advance(self) -> _Token:
        passed, self._token = self._token, next(self._tokens)
        return passed

    def _refuse(self, expected: str) -> NoReturn:
        found = "the end" if self._token.kind == "end" else short_repr(self._token.text)
        raise InvalidInputError(
            f"The filter is wrong at column {self._token.column}: {expected} there, not {found}."
        )


def _tokens(source: str) -> Iterator[_Token]:
    """Yield the words, values and symbols of a filter, the end last."""
    for found in _TOKEN.finditer(source):
        kind = str(found.lastgroup)
        token = _Token(kind, found[kind], found.start(kind) + 1)
        if kind == "unknown":
            what = f"{token.text!r} has no meaning"
            if token.text in "'\"":
                what = "a text begins without its closing quotation mark"
            raise InvalidInputError(f"The filter is wrong at column {token.column}: {what} there.")
        yield token
