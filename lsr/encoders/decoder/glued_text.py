"""How is a text put between fixed tokens, once or twice? Glued per example, before any padding.

    before + text + after                       a prompt, or a text with a prefix
    before + text + between + text + after      an echo

The text is tokenized alone and cut first, so that what is around it is always whole and both copies
of an echo are the same. Only the last copy, or only the very last token, proposes weights.

Paper: J. M. Springer et al., "Repetition Improves Language Model Embeddings", 2024 (echo).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.tokenization import TextTokenizer, TokenizedText
from lsr.errors import ConfigError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LiteralTerms = Callable[[str, NDArray[np.int64]], NDArray[np.int64]]
"""Returns the terms that count as occurring in a text, given it and its token ids."""


class GluedText:
    """Makes a `lsr.encoders.text_input.TextInput` of a tokenizer and fixed token ids.

    Args:
        backend: tokenizes texts; adds nothing to them here.
        max_length: most tokens, with everything around the text.
        before: ids.
        between: ids between two copies of a text; None for one copy.
        after: ids.
        last_token_only: whether only the very last token proposes weights, instead of the last
            copy of the text.
        literal: finds the terms that occur in a text, for methods that ask for them.

    Raises:
        ConfigError: `max_length` leaves no room for a token of the text.
    """

    def __init__(
        self,
        backend: Tokenizer,
        max_length: int,
        *,
        before: Sequence[int] = (),
        between: Sequence[int] | None = None,
        after: Sequence[int] = (),
        last_token_only: bool = False,
        literal: LiteralTerms | None = None,
    ) -> None:
        self.max_length = max_length
        self._n_copies = 1 if between is None else 2
        self._before = np.array(before, np.int64)
        self._between = np.array(between or (), np.int64)
        self._after = np.array(after, np.int64)
        self._n_fixed = self._before.size + self._between.size + self._after.size
        room = (max_length - self._n_fixed) // self._n_copies
        if room < 1:
            raise ConfigError(
                f"max_length is {max_length}, but {self._n_fixed} tokens are put around every text"
                f"{' that is read twice' * (self._n_copies - 1)}; it must be at least "
                f"{self._n_fixed + self._n_copies}."
            )
        self._text = TextTokenizer(backend, room, adds_special_tokens=False)
        self.separator = self._text.separator
        self.special = self._text.special
        self._last_token_only = last_token_only
        self._literal = literal

    def tokenize(self, texts: Sequence[str], first_row: int = 0) -> list[TokenizedText]:
        """Return what a model reads of each text; see `TextInput`."""
        tokenized = self._text.tokenize(texts, first_row)
        return [self._glued(text, one) for text, one in zip(texts, tokenized, strict=True)]

    def count(self, text: str) -> int:
        """Return how many tokens a text that is not cut would be, all around it included."""
        return self._n_fixed + self._n_copies * self._text.count(text)

    def split(self, text: str, stride: int | None = None) -> list[tuple[int, int]]:
        """Return passages of a text that are read whole; see `TextInput.split`."""
        return self._text.split(text, stride)

    def spans(self, text: str) -> list[tuple[int, int, int]]:
        """Return (term id, start, end) of every token, as character offsets into `text`."""
        return self._text.spans(text)

    def _glued(self, text: str, tokenized: TokenizedText) -> TokenizedText:
        body = tokenized.ids
        if not body.size:
            return tokenized
        copies = [body, self._between, body] if self._n_copies == 2 else [body]
        ids = np.concatenate([self._before, *copies, self._after])
        end = ids.size - self._after.size
        pooled = slice(ids.size - 1, ids.size)
        if not self._last_token_only:
            pooled = slice(end - body.size, end)
        literal = None if self._literal is None else self._literal(text, body)
        return TokenizedText(ids, tokenized.is_truncated, pooled, literal)
