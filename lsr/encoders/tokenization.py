"""How does a text become term ids? Without a cost that grows with what `max_length` cuts off.

A text far longer than `max_length` tokens is tokenized from a prefix. Tokenizers work word by word
("word" = what their pre-tokenizer splits off), so cutting a text can change the tokens of the words
beside the cut and no others. The tokens of a prefix are therefore exactly the first tokens of the
whole text up to some words before the cut. If those settled tokens do not fill `max_length`, the
prefix grows. A tokenizer without word boundaries has one word, which never settles, so the prefix
grows to the whole text: slow, and still exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.method import PooledTokens
from lsr.errors import ConfigError, InvalidInputError, UnsupportedModelError

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

CHUNK_TEXTS = 512
"""Texts handed to the tokenizer at once; an interrupt is heard between two chunks."""

PREFIX_CHARACTERS_PER_TOKEN = 8
PREFIX_GROWTH = 4
UNSETTLED_WORDS = 2
"""Words before a cut that are not trusted: the one that was cut, and one more as a margin for
pre-tokenizers that look ahead."""

MAX_SPAN_CHARACTERS = 200_000
"""Highlights are looked for in this many leading characters of a text."""


@dataclass(frozen=True, slots=True)
class TokenizedText:
    """Term ids of one text.

    Attributes:
        ids: with the model's special tokens; empty for a text without tokens.
        is_truncated: whether the text has more tokens than `ids` holds.
        pooled: positions in `ids` of the tokens that propose weights, one at least where there are
            any.
        literal: the terms that count as occurring in the text, rising; None where no method asks.
    """

    ids: NDArray[np.int64]
    is_truncated: bool
    pooled: slice
    literal: NDArray[np.int64] | None = None


class TextTokenizer:
    """A fast tokenizer bound to one maximum length; safe to use from several threads.

    A special token written in a text, such as ``[SEP]``, becomes that token.

    Args:
        backend: its truncation and padding are switched off here, once, and never touched again.
        max_length: most tokens of a text, special tokens included.
        prefix: put before every text that has any.
        pooled: which tokens propose weights.
        adds_special_tokens: whether a text gets those that the model was trained with.

    Raises:
        ConfigError: `max_length` leaves no room for a token of the text.
        UnsupportedModelError: special tokens do not simply stand before and after the text.
    """

    def __init__(
        self,
        backend: Tokenizer,
        max_length: int,
        *,
        prefix: str = "",
        pooled: PooledTokens = PooledTokens.ALL,
        adds_special_tokens: bool = True,
    ) -> None:
        backend.no_truncation()
        backend.no_padding()
        self._backend = backend
        before, after = special_tokens_around(backend)
        self.separator = _separator(backend, after)
        none = np.empty(0, np.int64)
        self._before, self._after = (before, after) if adds_special_tokens else (none, none)
        n_special = self._before.size + self._after.size
        if max_length <= n_special:
            raise ConfigError(
                f"max_length is {max_length}, but the model adds {n_special} special tokens to "
                f"every text; it must be at least {n_special + 1}."
            )
        self.max_length = max_length
        self._prefix = prefix
        self._pooled = pooled
        self._room = max_length - n_special
        self.special = special_ids(backend)
        added = backend.get_added_tokens_decoder().values()
        # A cut inside an added token, such as "[SEP]" typed in a text, leaves several words.
        self._longest_added = max((len(token.content) for token in added), default=0)

    def tokenize(self, texts: Sequence[str], first_row: int = 0) -> list[TokenizedText]:
        """Tokenize texts as the model wants them, cut at `max_length`.

        Args:
            texts: the texts.
            first_row: number of the first, to name those that are none.

        Raises:
            InvalidInputError: an element is not a string, or no valid Unicode.
        """
        result: list[TokenizedText] = []
        for start in range(0, len(texts), CHUNK_TEXTS):
            chunk = texts[start : start + CHUNK_TEXTS]
            check_texts(chunk, first_row + start)
            result.extend(self._tokenize_chunk(chunk))
        return result

    def count(self, text: str) -> int:
        """Return how many tokens a text has that is not cut, special ones included."""
        (encoding,) = self._backend.encode_batch_fast(
            [self._prefix + text], add_special_tokens=False
        )
        return len(encoding.ids) + self._before.size + self._after.size

    def split(self, text: str, stride: int | None = None) -> list[tuple[int, int]]:
        """Return passages of a text that are read whole, each from word to word.

        Args:
            text: the text.
            stride: tokens from the start of one passage to the start of the next, up to the end of
                a word; None for as many as a passage may have.

        Returns:
            (start, end) of each passage, in characters; a word of more tokens than a passage may
            have is split.
        """
        encoding = self._backend.encode(text, add_special_tokens=False)
        prefix = self._backend.encode(self._prefix, add_special_tokens=False)
        # Some tokenizers make another token of a word that begins a text: hence one less.
        longest = max(1, self._room - len(prefix.ids) - 1)
        n_tokens = len(encoding.ids)
        if n_tokens <= longest:
            return [(0, len(text))]
        words = [-1 if word is None else word for word in encoding.word_ids]
        ends = [end for _, end in encoding.offsets]
        passages = []
        start = 0
        while True:
            stop = _end_of_word(words, range(min(n_tokens, start + longest), start, -1))
            first = 0 if start == 0 else ends[start - 1]
            passages.append((first, len(text) if stop == n_tokens else ends[stop - 1]))
            if stop == n_tokens:
                return passages
            # Up to the stride, or just beyond it where that is within a word.
            step = min(stop, start + min(stride or longest, longest))
            start = _end_of_word(words, [*range(step, start, -1), *range(step, stop), stop])

    def spans(self, text: str) -> list[tuple[int, int, int]]:
        """Return (term id, start, end) of every token, as character offsets into `text`."""
        encoding = self._backend.encode(text[:MAX_SPAN_CHARACTERS], add_special_tokens=False)
        return [
            (term, start, end)
            for term, (start, end) in zip(encoding.ids, encoding.offsets, strict=True)
        ]

    def _tokenize_chunk(self, texts: Sequence[str]) -> list[TokenizedText]:
        # Some tokenizers make a token of white space, but a blank text has nothing to be found by.
        texts = [self._prefix + text if text and not text.isspace() else "" for text in texts]
        limit = self._room * PREFIX_CHARACTERS_PER_TOKEN
        short = [text for text in texts if text and len(text) <= limit]
        # The fast variant computes neither offsets nor words, which only prefixes need.
        encodings = iter(self._backend.encode_batch_fast(short, add_special_tokens=False))
        return [
            self._framed(next(encodings).ids if len(text) <= limit else self._first_ids(text))
            if text
            else self._framed([])
            for text in texts
        ]

    def _first_ids(self, text: str) -> list[int]:
        """Return the ids of `text`, or at least one more than there is room for."""
        n_characters = self._room * PREFIX_CHARACTERS_PER_TOKEN
        while n_characters < len(text):
            encoding = self._backend.encode(text[:n_characters], add_special_tokens=False)
            # An added token that the cut splits, or that follows it, may claim the white space
            # on its left, however much there is.
            whole = text[: max(0, n_characters - self._longest_added)].rstrip()
            n_settled = _n_settled(encoding, len(whole))
            if n_settled > self._room:
                return encoding.ids[:n_settled]
            n_characters *= PREFIX_GROWTH
        return self._backend.encode_batch_fast([text], add_special_tokens=False)[0].ids

    def _framed(self, ids: list[int]) -> TokenizedText:
        if not ids:
            return TokenizedText(np.empty(0, np.int64), False, slice(0, 0))
        body = np.array(ids[: self._room], np.int64)
        framed = np.concatenate([self._before, body, self._after])
        start, end = self._before.size, self._before.size + body.size
        pooled = {
            PooledTokens.ALL: slice(0, framed.size),
            PooledTokens.TEXT: slice(start, end),
            PooledTokens.FIRST: slice(0, 1),
        }[self._pooled]
        return TokenizedText(framed, len(ids) > self._room, pooled)


def special_ids(backend: Tokenizer) -> NDArray[np.int64]:
    """Return the ids of the special tokens, in order; they say nothing of what a text is about."""
    added = backend.get_added_tokens_decoder()
    return np.array(sorted(number for number in added if added[number].special), np.int64)


def _n_settled(encoding: Encoding, n_characters: int) -> int:
    """Return how many leading tokens of a prefix no text after it can change.

    Args:
        encoding: of the prefix.
        n_characters: tokens that reach beyond them may belong to an added token that was cut.
    """
    words = np.array([-1 if word is None else word for word in encoding.word_ids], np.int64)
    if not words.size:
        return 0
    ends = np.array(encoding.offsets, np.int64)[:, 1]
    settled = (words <= words.max() - UNSETTLED_WORDS) & (ends <= n_characters)
    return int(settled.size if settled.all() else np.argmin(settled))


def _end_of_word(words: Sequence[int], candidates: Sequence[int]) -> int:
    """Return the first of the candidates at which a word ends; the first of all if there is none.

    Args:
        words: number of each token's word.
        candidates: positions between tokens.
    """
    for end in candidates:
        if end == len(words) or words[end] != words[end - 1]:
            return end
    return candidates[0]


def special_tokens_around(backend: Tokenizer) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the ids that a tokenizer puts before every text, and after it.

    Raises:
        UnsupportedModelError: it does more than that.
    """
    bare = backend.encode("a", add_special_tokens=False).ids
    framed = backend.encode("a", add_special_tokens=True).ids
    for n_before in range(len(framed) if bare else 0):
        n_kept = n_before + len(bare)
        if framed[n_before:n_kept] == bare:
            return np.array(framed[:n_before], np.int64), np.array(framed[n_kept:], np.int64)
    raise UnsupportedModelError(
        "The tokenizer does more to a text than adding special tokens before and after it, "
        "which this version cannot follow."
    )


def _separator(backend: Tokenizer, after: NDArray[np.int64]) -> str:
    """Return the last of the tokens after a text, if writing it in a text gives it back."""
    for term in after[-1:].tolist():
        written = backend.id_to_token(term)
        if written and backend.encode(written, add_special_tokens=False).ids == [term]:
            return written
    return "\n"


def refuse_string(texts: Sequence[str]) -> None:
    """Refuse one string, which is a sequence of strings too, where many texts are expected.

    Raises:
        InvalidInputError: it is one.
    """
    if isinstance(texts, str):
        raise InvalidInputError("Expected a list of texts but got one string; pass [text].")


def check_texts(texts: Sequence[str], first_row: int = 0) -> None:
    """Refuse the first element that is no text, naming it.

    Raises:
        InvalidInputError: an element is not a string, or no valid Unicode.
    """
    for row, text in enumerate(texts, first_row):
        if not isinstance(text, str):
            raise InvalidInputError(f"Text {row} is a {type(text).__name__}, not a string.")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise InvalidInputError(
                f"Text {row} holds half a surrogate pair, which is not valid text."
            ) from None
