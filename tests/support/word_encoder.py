"""An encoder that needs no model: a term for each word of a fixed list, heavier when repeated."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from typing import Any

from lsr.encoders import EncodedTexts, EncodingListener, Passages
from lsr.sparse import SparseBatch, vocabulary_fingerprint

WORDS = ("apple", "bread", "cheese", "dough", "egg", "fig", "grape", "honey")


class WordEncoder:
    """Encodes the words of `WORDS`; weights are irregular, so that rounding them shows."""

    tokens: tuple[str, ...] = WORDS
    fingerprint = vocabulary_fingerprint(WORDS)
    weight_ceiling = 4.0
    passages: Passages | None = None
    separator = "[SEP]"

    def __init__(self, model: str = "words") -> None:
        self.model = model
        self.settings: dict[str, Any] = {
            "model": model,
            "max_length": 256,
            "precision": "float32",
        }

    def encode_documents(
        self, texts: Sequence[str], listener: EncodingListener | None = None
    ) -> SparseBatch:
        if listener:
            listener.encoded(len(texts), sum(map(self.count_tokens, texts)))
        return self._encode(texts)

    def encode_stream(
        self, runs: Iterable[Sequence[str]], listener: EncodingListener | None = None
    ) -> Generator[EncodedTexts, None, None]:
        for texts in runs:
            yield EncodedTexts(self.encode_documents(texts, listener))

    def split(self, text: str) -> list[tuple[int, int]]:
        return [(0, len(text))]

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def encode_queries(self, texts: Sequence[str]) -> SparseBatch:
        return self._encode(texts)

    def decode(self, batch: SparseBatch, top_k: int | None = None) -> list[dict[str, float]]:
        return [
            {
                self.tokens[term]: float(weight)
                for weight, term in sorted(zip(weights, terms, strict=True), reverse=True)[:top_k]
            }
            for terms, weights in batch.rows()
        ]

    def term_spans(self, text: str) -> list[tuple[int, int, int]]:
        return []

    def _encode(self, texts: Sequence[str]) -> SparseBatch:
        return SparseBatch.from_rows(
            [
                [
                    (number, math.log1p(count * (1 + number / 7)))
                    for word, count in Counter(text.lower().split()).items()
                    if word in self.tokens
                    for number in [self.tokens.index(word)]
                ]
                for text in texts
            ],
            n_terms=len(self.tokens),
        )
