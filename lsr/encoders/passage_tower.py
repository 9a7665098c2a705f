"""How are texts of any length encoded whole? Another tower encodes their passages."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any

from lsr.encoders.base import EncodedTexts, EncodingListener
from lsr.encoders.passages import Passages, aggregate
from lsr.encoders.tokenization import check_texts, refuse_string
from lsr.encoders.tower import Tower
from lsr.sparse import SparseBatch


class PassageTower:
    """Encodes texts passage by passage; made by `load_encoder`.

    Args:
        tower: encodes the passages.
        passages: how texts are split and put together.
    """

    dense_size = 0  # how the dense rows of passages make one of a text is defined nowhere

    def __init__(self, tower: Tower, passages: Passages) -> None:
        self.tokens = tower.tokens
        self.separator = tower.separator
        self._tower = tower
        self._passages = passages

    @property
    def settings(self) -> dict[str, Any]:
        """JSON values that say how this tower was loaded."""
        return {**self._tower.settings, "passages": self._passages.as_settings()}

    def encode(self, texts: Sequence[str], listener: EncodingListener | None = None) -> SparseBatch:
        """Return one vector per text, in input order; see `Tower.encode`."""
        return self.encode_texts(texts, listener).vectors

    def encode_texts(
        self, texts: Sequence[str], listener: EncodingListener | None = None
    ) -> EncodedTexts:
        """Return one vector per text, and nothing dense; see `Tower.encode_texts`."""
        (encoded,) = self.encode_stream([texts], listener)
        return encoded

    def encode_stream(
        self, runs: Iterable[Sequence[str]], listener: EncodingListener | None = None
    ) -> Generator[EncodedTexts, None, None]:
        """Encode texts while they are read; see `Encoder.encode_stream`."""
        waiting: deque[list[int]] = deque()

        def runs_of_passages() -> Iterator[list[str]]:
            for texts in runs:
                refuse_string(texts)
                check_texts(texts, 0)
                split = [self.split(text) for text in texts]
                waiting.append([len(ranges) for ranges in split])
                yield [
                    text[start:end]
                    for text, ranges in zip(texts, split, strict=True)
                    for start, end in ranges
                ]

        heard = None if listener is None else _TokenListener(listener)
        stream = self._tower.encode_stream(runs_of_passages(), heard)
        try:
            for run in stream:
                counts = waiting.popleft()
                vectors = aggregate(run.vectors, counts, self._passages.aggregation)
                if listener is not None:
                    listener.encoded(len(counts), 0)
                yield EncodedTexts(vectors)
        finally:
            stream.close()

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a text has, special ones included, if it were read at once."""
        return self._tower.count_tokens(text)

    def term_spans(self, text: str) -> list[tuple[int, int, int]]:
        """Return (term id, start, end) for the tokens of `text`, as character offsets."""
        return self._tower.term_spans(text)

    def split(self, text: str, stride: int | None = None) -> list[tuple[int, int]]:
        """Return the passages of a text, as (start, end) in characters; one at least."""
        return self._tower.split(text, stride or self._passages.stride)


class _TokenListener:
    """Passes on tokens read; the texts that they belong to are counted when they are whole."""

    def __init__(self, listener: EncodingListener) -> None:
        self._listener = listener

    def encoded(self, n_texts: int, n_tokens: int) -> None:
        self._listener.encoded(0, n_tokens)

    def truncated(self, row: int) -> None:
        """Take no note: a passage is cut by a token or two at most, where its words are split."""
