"""What does a tower ask of what makes term ids of texts? The protocol of every kind of input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.tokenization import TokenizedText


class TextInput(Protocol):
    """Makes of a text what a model reads, cut at a maximum length; used from several threads."""

    @property
    def max_length(self) -> int:
        """Most tokens that a model is given of a text, with everything that is put around it."""

    @property
    def separator(self) -> str:
        """What is written between parts of one text; see `lsr.encoders.base.Encoder`."""

    @property
    def special(self) -> NDArray[np.int64]:
        """Ids of the special tokens, rising; they say nothing of what a text is about."""

    def tokenize(self, texts: Sequence[str], first_row: int = 0) -> list[TokenizedText]:
        """Return what a model reads of each text; nothing of a blank one.

        Args:
            texts: the texts.
            first_row: number of the first, to name those that are none.

        Raises:
            InvalidInputError: an element is not a string, or no valid Unicode.
        """

    def count(self, text: str) -> int:
        """Return how many tokens a text that is not cut would be, all around it included."""

    def split(self, text: str, stride: int | None = None) -> list[tuple[int, int]]:
        """Return passages of a text that are read whole, as (start, end) in characters.

        Args:
            text: the text.
            stride: tokens from the start of one passage to the start of the next; None for as many
                as a passage may have.
        """

    def spans(self, text: str) -> list[tuple[int, int, int]]:
        """Return (term id, start, end) of every token, as character offsets into `text`."""
