"""What is one side of an encoder? What turns queries, or documents, into vectors."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import Any, Protocol

from lsr.encoders.base import EncodedTexts, EncodingListener
from lsr.sparse import SparseBatch


class Tower(Protocol):
    """Encodes texts in one way; used from one thread at a time."""

    @property
    def tokens(self) -> Sequence[str]:
        """Name of every term, at the position of its id."""

    @property
    def settings(self) -> dict[str, Any]:
        """JSON values that say how this tower was loaded: its longest text and its precision."""

    @property
    def separator(self) -> str:
        """What is written between parts of one text; see `Encoder`."""

    @property
    def dense_size(self) -> int:
        """Numbers in a dense row; 0 where there is no dense half."""

    def encode(self, texts: Sequence[str], listener: EncodingListener | None = None) -> SparseBatch:
        """Return one vector per text, in input order; an empty one for a text without tokens.

        Args:
            texts: the texts.
            listener: hears of progress and of texts that were cut.

        Raises:
            InvalidInputError: an element of `texts` is not a string, or no valid Unicode.
        """

    def encode_texts(
        self, texts: Sequence[str], listener: EncodingListener | None = None
    ) -> EncodedTexts:
        """Return what `encode` does, with dense rows where there is a dense half."""

    def encode_stream(
        self, runs: Iterable[Sequence[str]], listener: EncodingListener | None = None
    ) -> Generator[EncodedTexts, None, None]:
        """Encode texts while they are read; see `Encoder.encode_stream`."""

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a text has, special ones included, before it is cut."""

    def split(self, text: str, stride: int | None = None) -> list[tuple[int, int]]:
        """Return the passages that are read of a text, one at least, and no word in two halves.

        Args:
            text: the text.
            stride: tokens from the start of one passage to the start of the next; None for as many
                as a passage may have.

        Returns:
            (start, end) of each, in characters.
        """

    def term_spans(self, text: str) -> list[tuple[int, int, int]]:
        """Return (term id, start, end) for the tokens of `text`, as character offsets."""
