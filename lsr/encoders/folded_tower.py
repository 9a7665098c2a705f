"""How are documents encoded for queries without a network? Another tower encodes, a fold moves."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import Any

from lsr.encoders.base import EncodedTexts, EncodingListener
from lsr.encoders.fold import Fold
from lsr.encoders.tower import Tower
from lsr.sparse import SparseBatch


class FoldedTower:
    """Folds what another tower makes of texts; made by `load_encoder`.

    Args:
        tower: encodes the texts.
        fold: over its terms.
    """

    dense_size = 0  # a table weighs the queries of folded documents, and has no dense half

    def __init__(self, tower: Tower, fold: Fold) -> None:
        self.tokens = tower.tokens
        self.settings: dict[str, Any] = tower.settings
        self.separator = tower.separator
        self._tower = tower
        self._fold = fold

    def encode(self, texts: Sequence[str], listener: EncodingListener | None = None) -> SparseBatch:
        """Return one vector per text, in input order; see `Tower.encode`."""
        return self._fold.apply(self._tower.encode(texts, listener))

    def encode_texts(
        self, texts: Sequence[str], listener: EncodingListener | None = None
    ) -> EncodedTexts:
        """Return one vector per text, and nothing dense; see `Tower.encode_texts`."""
        encoded = self._tower.encode_texts(texts, listener)
        return EncodedTexts(self._fold.apply(encoded.vectors), encoded.truncated)

    def encode_stream(
        self, runs: Iterable[Sequence[str]], listener: EncodingListener | None = None
    ) -> Generator[EncodedTexts, None, None]:
        """Encode texts while they are read; see `Encoder.encode_stream`."""
        stream = self._tower.encode_stream(runs, listener)
        try:
            for encoded in stream:
                yield EncodedTexts(self._fold.apply(encoded.vectors), encoded.truncated)
        finally:
            stream.close()

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a text has, before it is cut."""
        return self._tower.count_tokens(text)

    def split(self, text: str, stride: int | None = None) -> list[tuple[int, int]]:
        """Return the passages that are read of a text, (start, end) in characters."""
        return self._tower.split(text, stride)

    def term_spans(self, text: str) -> list[tuple[int, int, int]]:
        """Return (term id, start, end) for the tokens of `text`, as character offsets."""
        return self._tower.term_spans(text)
