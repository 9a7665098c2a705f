"""How are texts encoded without a network? Every term that occurs gets its weight from a table.

A text's vector says which terms occur in it, not how often: weight[term] = table[term].

Paper: Z. Geng, Y. Wang, D. Ru, Y. Yang, "Towards Competitive Search Relevance For Inference-Free
Learned Sparse Retrievers", 2024, section 3.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.base import EncodedTexts, EncodingListener
from lsr.encoders.tokenization import TextTokenizer, refuse_string
from lsr.encoders.unit_length import of_unit_length
from lsr.pruning import PruneRule, prune
from lsr.sparse import SparseBatch


class TableTower:
    """Encodes by table look-up; made by `load_encoder`.

    Args:
        tokenizer: of the texts.
        tokens: name of every term.
        weights: shape (n_terms,), of each term.
        prune_rule: by which light weights of a vector are left out; None to keep all.
        has_unit_length: whether vectors are then divided by their length.
    """

    dense_size = 0

    def __init__(
        self,
        tokenizer: TextTokenizer,
        tokens: Sequence[str],
        weights: NDArray[np.float32],
        *,
        prune_rule: PruneRule | None = None,
        has_unit_length: bool = False,
    ) -> None:
        self.tokens = tokens
        self.settings: dict[str, Any] = {
            "max_length": tokenizer.max_length,
            "precision": "float32",
        }
        self._tokenizer = tokenizer
        self.weights = weights
        self._prune_rule = prune_rule
        self._has_unit_length = has_unit_length

    def encode(self, texts: Sequence[str], listener: EncodingListener | None = None) -> SparseBatch:
        """Return one vector per text, in input order; see `Tower.encode`."""
        return self.encode_texts(texts, listener).vectors

    def encode_texts(
        self, texts: Sequence[str], listener: EncodingListener | None = None
    ) -> EncodedTexts:
        """Return the weights of each text's terms, in input order; see `Tower.encode_texts`."""
        encoded = self._encoded(texts, listener)
        if listener is not None:
            for row in encoded.truncated:
                listener.truncated(row)
        return encoded

    def encode_stream(
        self, runs: Iterable[Sequence[str]], listener: EncodingListener | None = None
    ) -> Generator[EncodedTexts, None, None]:
        """Encode texts while they are read; see `Encoder.encode_stream`."""
        for texts in runs:
            yield self._encoded(texts, listener)

    @property
    def separator(self) -> str:
        """What is written between parts of one text; see `Encoder`."""
        return self._tokenizer.separator

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a text has, before it is cut."""
        return self._tokenizer.count(text)

    def split(self, text: str, stride: int | None = None) -> list[tuple[int, int]]:
        """Return the passages that are read of a text, (start, end) in characters."""
        return self._tokenizer.split(text, stride)

    def term_spans(self, text: str) -> list[tuple[int, int, int]]:
        """Return (term id, start, end) for the tokens of `text`, as character offsets."""
        return self._tokenizer.spans(text)

    def _encoded(self, texts: Sequence[str], listener: EncodingListener | None) -> EncodedTexts:
        refuse_string(texts)
        tokenized = self._tokenizer.tokenize(texts)
        rows = []
        for text in tokenized:
            # np.unique would import numpy.ma, which takes some milliseconds of every first search.
            terms = np.array(sorted(set(text.ids.tolist())), np.int64)
            rows.append(terms[self.weights[terms] > 0])
        if listener is not None:
            listener.encoded(len(texts), sum(text.ids.size for text in tokenized))
        terms = np.concatenate([np.empty(0, np.int64), *rows])
        indptr = np.cumsum([0, *(row.size for row in rows)], dtype=np.int64)
        vectors = SparseBatch(
            indptr, terms.astype(np.uint32), self.weights[terms], self.weights.size
        )
        if self._prune_rule is not None:
            vectors = prune(vectors, self._prune_rule)
        if self._has_unit_length:
            vectors = of_unit_length(vectors)
        return EncodedTexts(vectors, [row for row, one in enumerate(tokenized) if one.is_truncated])
