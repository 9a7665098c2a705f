"""What does every encoder offer? The protocol that the rest of `lsr` is written against."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.passages import Passages
from lsr.sparse import SparseBatch


class EncodingListener(Protocol):
    """Hears how an encoding goes on; called from the thread that asked for the encoding."""

    def encoded(self, n_texts: int, n_tokens: int) -> None:
        """Take note that more texts are done.

        Args:
            n_texts: how many.
            n_tokens: what was read of them, special tokens included.
        """

    def truncated(self, row: int) -> None:
        """Take note that the text at position `row` was cut at the encoder's `max_length`."""


@dataclass(frozen=True, slots=True, eq=False)
class EncodedTexts:
    """What became of a run of texts.

    Attributes:
        vectors: one row a text.
        truncated: the rows whose texts were cut at the encoder's `max_length`, rising.
        dense: shape (n_texts, dense_size), rows of length 1, zeros for texts without tokens; None
            where the method has no dense half, or texts are read in passages.
    """

    vectors: SparseBatch
    truncated: Sequence[int] = ()
    dense: NDArray[np.float32] | None = None


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
    def weight_ceiling(self) -> float | None:
        """Largest weight that an index must hold without clipping; None where there is no limit."""

    @property
    def passages(self) -> Passages | None:
        """How documents longer than the encoder reads are split; None where they are cut."""

    @property
    def separator(self) -> str:
        """What is written between parts of one text, such as the turns of a conversation.

        The token that closes every text, or a line break if the model closes none.
        """

    @property
    def settings(self) -> dict[str, Any]:
        """JSON values from which the same encoder can be loaded again."""

    def encode_documents(
        self, texts: Sequence[str], listener: EncodingListener | None = None
    ) -> SparseBatch:
        """Return one vector per document text, in input order."""

    def encode_stream(
        self, runs: Iterable[Sequence[str]], listener: EncodingListener | None = None
    ) -> Generator[EncodedTexts, None, None]:
        """Encode the texts of documents while they are read, and yield each run in its turn.

        A run is encoded while the next one is read and the one before it is used. Nothing is read
        ahead of a run without texts. Close the generator to stop early.

        Args:
            runs: texts, up to some thousands a run.
            listener: hears of texts that are done; what was cut is told with the run.
        """

    def encode_queries(self, texts: Sequence[str]) -> SparseBatch:
        """Return one vector per query text, in input order."""

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a document's text has, special ones included, before it is cut."""

    def split(self, text: str) -> list[tuple[int, int]]:
        """Return the passages of a document's text that are encoded, (start, end) in characters.

        What is behind the last one is not read. A term of a text of several passages has the
        largest of its weights in them, or their sum.
        """

    def decode(self, batch: SparseBatch, top_k: int | None = None) -> list[dict[str, float]]:
        """Return each row as ``{token: weight}``, heaviest first, at most `top_k` tokens."""

    def term_spans(self, text: str) -> list[tuple[int, int, int]]:
        """Return (term id, start, end) for the tokens of `text`, as character offsets."""


@runtime_checkable
class DenseEncoder(Encoder, Protocol):
    """An encoder that can tell of a dense half beside the sparse vectors, where a method has one.

    The similarity of two dense rows is their inner product. `Encoder.encode_stream` yields them
    with the documents' sparse vectors.
    """

    @property
    def dense_size(self) -> int:
        """Numbers in a dense row; 0 where the method has no dense half."""

    def encode_documents_densely(
        self, texts: Sequence[str], listener: EncodingListener | None = None
    ) -> EncodedTexts:
        """Return the vectors of document texts, sparse and dense."""

    def encode_queries_densely(self, texts: Sequence[str]) -> EncodedTexts:
        """Return the vectors of query texts, sparse and dense."""
