"""How does an inference-free model encode? Documents by a network, queries by a table of weights.

A query needs the tokenizer and the table alone; the network is loaded for the first document.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.base import EncodedTexts, Encoder, EncodingListener
from lsr.encoders.decoding import decode_batch
from lsr.encoders.splade import WEIGHT_CEILING
from lsr.encoders.tokenization import TextTokenizer, refuse_string
from lsr.errors import UnsupportedModelError
from lsr.sparse import SparseBatch, vocabulary_fingerprint


class InferenceFreeEncoder:
    """Encodes queries without a network; made by `load_encoder`.

    Args:
        model: what the user named.
        tokenizer: of queries.
        tokens: name of every term.
        weights: shape (n_terms,), of each term in a query.
        table: name of the file that the weights come from.
        load_documents: loads the encoder of documents.
    """

    weight_ceiling = WEIGHT_CEILING

    def __init__(
        self,
        *,
        model: str,
        tokenizer: TextTokenizer,
        tokens: Sequence[str],
        weights: NDArray[np.float32],
        table: str,
        load_documents: Callable[[], Encoder],
    ) -> None:
        self.model = model
        self.tokens = tokens
        self.fingerprint = vocabulary_fingerprint(tokens)
        self._tokenizer = tokenizer
        self._weights = weights
        self._table = table
        self._load_documents = load_documents

    @property
    def settings(self) -> dict[str, Any]:
        """JSON values from which the same encoder can be loaded again."""
        return {**self._documents.settings, "query_weights": self._table}

    def encode_documents(
        self, texts: Sequence[str], listener: EncodingListener | None = None
    ) -> SparseBatch:
        """Return one vector per document text, in input order; see `SpladeEncoder`."""
        return self._documents.encode_documents(texts, listener)

    def encode_stream(
        self, runs: Iterable[Sequence[str]], listener: EncodingListener | None = None
    ) -> Generator[EncodedTexts, None, None]:
        """Encode the texts of documents while they are read; see `SpladeEncoder`."""
        return self._documents.encode_stream(runs, listener)

    def encode_queries(self, texts: Sequence[str]) -> SparseBatch:
        """Return the weights of each query's terms, in input order.

        Raises:
            InvalidInputError: an element of `texts` is not a string, or no valid Unicode.
        """
        refuse_string(texts)
        rows = []
        for text in self._tokenizer.tokenize(texts):
            terms = np.unique(text.ids)
            rows.append(terms[self._weights[terms] > 0])
        terms = np.concatenate([np.empty(0, np.int64), *rows])
        indptr = np.cumsum([0, *(row.size for row in rows)], dtype=np.int64)
        return SparseBatch(
            indptr, terms.astype(np.uint32), self._weights[terms], self._weights.size
        )

    @property
    def separator(self) -> str:
        """What is written between parts of one text; see `Encoder`."""
        return self._tokenizer.separator

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a document's text has, before it is cut."""
        return self._documents.count_tokens(text)

    def decode(self, batch: SparseBatch, top_k: int | None = None) -> list[dict[str, float]]:
        """Return each row as ``{token: weight}``, heaviest first, ties by term id.

        Raises:
            InvalidInputError: the batch is over another vocabulary, or `top_k` is below 1.
        """
        return decode_batch(batch, self.tokens, top_k)

    def term_spans(self, text: str) -> list[tuple[int, int, int]]:
        """Return (term id, start, end) for the tokens of `text`, as character offsets."""
        return self._tokenizer.spans(text)

    @cached_property
    def _documents(self) -> Encoder:
        documents = self._load_documents()
        if documents.fingerprint != self.fingerprint:
            raise UnsupportedModelError(
                f"The model {self.model!r} weights documents in another vocabulary "
                f"({len(documents.tokens)} terms) than queries ({len(self.tokens)} terms)."
            )
        return documents
