"""A word encoder with a dense half: the direction of the counts of a text's words."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from lsr.encoders import EncodedTexts, EncodingListener
from word_encoder import WORDS, WordEncoder

DENSE_SIZE = 4


def dense_rows(texts: Sequence[str], words: Sequence[str] = WORDS) -> NDArray[np.float32]:
    """Return a row a text: words count on one of four axes, every other four backwards."""
    rows = np.zeros((len(texts), DENSE_SIZE), dtype=np.float32)
    for row, text in zip(rows, texts, strict=True):
        for word in text.lower().split():
            if word in words:
                sign, axis = divmod(words.index(word), DENSE_SIZE)
                row[axis] += -1 if sign % 2 else 1
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.where(lengths > 0, lengths, 1)
    return rows


class DenseWordEncoder(WordEncoder):
    """Encodes words twice; apples and eggs lie on one axis, in opposite directions."""

    dense_size = DENSE_SIZE

    def encode_stream(
        self, runs: Iterable[Sequence[str]], listener: EncodingListener | None = None
    ) -> Generator[EncodedTexts, None, None]:
        for texts in runs:
            yield self.encode_documents_densely(texts, listener)

    def encode_documents_densely(
        self, texts: Sequence[str], listener: EncodingListener | None = None
    ) -> EncodedTexts:
        return EncodedTexts(self.encode_documents(texts, listener), dense=self._rows(texts))

    def encode_queries_densely(self, texts: Sequence[str]) -> EncodedTexts:
        return EncodedTexts(self.encode_queries(texts), dense=self._rows(texts))

    def _rows(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return dense_rows(texts, self.tokens)
