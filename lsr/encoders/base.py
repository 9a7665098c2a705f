"""What does every encoder offer? The protocol that the rest of `lsr` is written against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from lsr.sparse import SparseBatch


class EncodingListener(Protocol):
    """Hears how an encoding goes on; called from the thread that asked for the encoding."""

    def encoded(self, n_texts: int) -> None:
        """Take note that `n_texts` more texts are done."""

    def truncated(self, row: int) -> None:
        """Take note that the text at position `row` was cut at the encoder's `max_length`."""


class Encoder(Protocol):
    """Turns texts into sparse vectors over one vocabulary.

    A text without a single token, such as an empty one, gets an empty vector: a model would still
    weight its own special tokens there, which is noise that matches every other empty text.
    """

    @property
    def model(self) -> str:
        """What the user named."""

    @property
    def tokens(self) -> Sequence[str]:
        """Name of every term, at the position of its id."""

    @property
    def fingerprint(self) -> str:
        """Digest of the vocabulary; vectors of equal fingerprints share their term ids."""

    @property
    def weight_ceiling(self) -> float:
        """Largest weight that an index must hold without clipping."""

    @property
    def settings(self) -> dict[str, Any]:
        """JSON values from which the same encoder can be loaded again."""

    def encode_documents(
        self, texts: Sequence[str], listener: EncodingListener | None = None
    ) -> SparseBatch:
        """Return one vector per document text, in input order."""

    def encode_queries(self, texts: Sequence[str]) -> SparseBatch:
        """Return one vector per query text, in input order."""

    def decode(self, batch: SparseBatch, top_k: int | None = None) -> list[dict[str, float]]:
        """Return each row as ``{token: weight}``, heaviest first, at most `top_k` tokens."""

    def term_spans(self, text: str) -> list[tuple[int, int, int]]:
        """Return (term id, start, end) for the tokens of `text`, as character offsets."""
