"""How does a masked-language model weight the terms of a text? SPLADE with max pooling.

    weight[term] = log(1 + max(0, max over tokens of logit[token, term]))

The maximum runs over the special tokens too, as in the models' training.

Paper: T. Formal, C. Lassance, B. Piwowarski, S. Clinchant, "SPLADE v2: Sparse Lexical and Expansion
Model for Information Retrieval", 2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lsr.encoders.base import EncodingListener
from lsr.encoders.batching import plan_batches
from lsr.encoders.decoding import decode_batch
from lsr.encoders.network import Network
from lsr.encoders.tokenization import TextTokenizer, TokenizedText
from lsr.encoders.workers import available_cores, run_batches
from lsr.errors import InvalidInputError
from lsr.sparse import SparseBatch, vocabulary_fingerprint

WEIGHT_CEILING = 4.0
"""log(1 + logit) reaches 4.0 at a logit of 53.6; trained models stay below 4."""

MAX_BATCH_TOKENS = 4096
BATCH_WORK = 40e9
"""Floating-point operations of a batch. A core does them in about a second, which bounds how long
an interrupt waits; models of millions of parameters reach MAX_BATCH_TOKENS first."""

SMALL_WORK = 1e9
"""Floating-point operations that a core does in some 20 ms; less is not split over cores."""


class SpladeEncoder:
    """Encodes texts with a masked-language model; made by `load_encoder`.

    The vector of a text is the same whatever else is encoded with it, up to rounding: sums in
    another order move float32 weights by about 1e-6 and, where a hidden state falls on the other
    side of a rounding step, bfloat16 weights by about 0.01. The same call on the same machine
    gives the same bits.

    Args:
        model: what the user named.
        location: what loads the model again from anywhere: a hub id, short name or full path.
        network: computes the vectors.
        tokenizer: bound to the maximum length.
        tokens: name of every term.
    """

    weight_ceiling = WEIGHT_CEILING

    def __init__(
        self,
        *,
        model: str,
        location: str,
        network: Network,
        tokenizer: TextTokenizer,
        tokens: Sequence[str],
    ) -> None:
        self.model = model
        self.tokens = tokens
        self.fingerprint = vocabulary_fingerprint(tokens)
        # Not which backend: the same model in the same precision means the same in either.
        self.settings: dict[str, Any] = {
            "model": location,
            "max_length": tokenizer.max_length,
            "precision": network.precision.value,
            "pooling": "max",
            "activation": "log1p(relu)",
            "special_tokens": "pooled",
        }
        self._network = network
        self._tokenizer = tokenizer
        self._token_budget = min(MAX_BATCH_TOKENS, int(BATCH_WORK / network.work_per_token))
        self._n_workers = 1 if network.has_own_device else available_cores()

    def encode_documents(
        self, texts: Sequence[str], listener: EncodingListener | None = None
    ) -> SparseBatch:
        """Return one vector per text, in input order.

        While several batches run, torch's thread count, which belongs to the process, is 1.

        Args:
            texts: a text without tokens, such as an empty one, gets an empty vector.
            listener: hears of progress and of texts that were cut.

        Raises:
            InvalidInputError: an element of `texts` is not a string, or no valid Unicode.
        """
        if isinstance(texts, str):
            raise InvalidInputError("Expected a list of texts but got one string; pass [text].")
        tokenized = self._tokenizer.tokenize(texts)
        if listener is not None:
            for row, text in enumerate(tokenized):
                if text.is_truncated:
                    listener.truncated(row)
        return self._encode(tokenized, listener)

    def encode_queries(self, texts: Sequence[str]) -> SparseBatch:
        """Return one vector per query; this model treats queries and documents alike."""
        return self.encode_documents(texts)

    def decode(self, batch: SparseBatch, top_k: int | None = None) -> list[dict[str, float]]:
        """Return each row as ``{token: weight}``, heaviest first, ties by term id.

        Raises:
            InvalidInputError: the batch is over another vocabulary, or `top_k` is below 1.
        """
        return decode_batch(batch, self.tokens, top_k)

    def term_spans(self, text: str) -> list[tuple[int, int, int]]:
        """Return (term id, start, end) for the tokens of `text`, as character offsets."""
        return self._tokenizer.spans(text)

    def _encode(
        self, tokenized: Sequence[TokenizedText], listener: EncodingListener | None
    ) -> SparseBatch:
        lengths = np.array([text.ids.size for text in tokenized], dtype=np.int64)
        filled = np.flatnonzero(lengths)
        n_tokens = int(lengths.sum())
        is_small = n_tokens * self._network.work_per_token < SMALL_WORK
        # Few texts make batches small enough for every worker to have one.
        share = n_tokens if is_small else -(-n_tokens // self._n_workers)
        batches = [
            filled[rows] for rows in plan_batches(lengths[filled], min(self._token_budget, share))
        ]
        # One vector without terms stands for every empty text.
        empty = SparseBatch.from_rows([[]], self._network.n_terms)
        parts = [empty] * (len(batches) + 1)
        position = np.full(lengths.size, sum(map(len, batches)), dtype=np.int64)
        position[np.concatenate([filled[:0], *batches])] = np.arange(filled.size)

        def finished(number: int, vectors: SparseBatch) -> None:
            parts[number] = vectors
            if listener is not None:
                listener.encoded(len(vectors))

        if listener is not None and filled.size < lengths.size:
            listener.encoded(int(lengths.size - filled.size))
        run_batches(
            self._network.encode,
            [[tokenized[row].ids for row in rows] for rows in batches],
            finished,
            self._n_workers,
            single_threaded=self._network.single_threaded,
            is_small=is_small,
        )
        return SparseBatch.concatenate(parts).take(position.tolist())
