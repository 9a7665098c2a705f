"""How does the native backend compute a masked-language model? Layer by layer on packed texts.

The tokens of a batch stand one after the other without padding (lsr.kernels.transformer.layout), so
a text's vector does not depend on the lengths of those beside it. One thread computes one batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.method import VocabularyWeighting
from lsr.encoders.native.architecture import Architecture
from lsr.encoders.native.layers import Dense, Layer, Norm
from lsr.encoders.native.literal_terms import LiteralTerms
from lsr.encoders.precision import Precision
from lsr.encoders.tokenization import TokenizedText
from lsr.kernels.transformer import (
    Activation,
    EmbeddingTables,
    PackedHead,
    active_terms,
    attend,
    embed,
    new_activations,
)
from lsr.sparse import SparseBatch


class NativeNetwork:
    """A masked-language model on the kernels of `lsr`; made by `load_native_network`.

    `layers` and `head_dense` may be replaced, by who measures or prunes them, while nothing is
    encoded.

    Args:
        architecture: shape and options.
        embeddings: the tables that texts enter by.
        layers: the transformer.
        head_dense: first part of the head.
        head_norm: second part of the head.
        head: the vocabulary head proper.
        terms: shape (rows of the head,), which term each of them is, rising; None where all are
            there.
        literal: terms beside them, for texts that hold them; None where there are none.
        precision: number format of the layers.
        weighting: one that `why_unsupported` lets through.
    """

    has_own_device = False

    def __init__(
        self,
        architecture: Architecture,
        *,
        embeddings: EmbeddingTables,
        layers: Sequence[Layer],
        head_dense: Dense,
        head_norm: Norm,
        head: PackedHead,
        terms: NDArray[np.uint32] | None,
        literal: LiteralTerms | None,
        precision: Precision,
        weighting: VocabularyWeighting,
    ) -> None:
        self.precision = precision
        self.n_terms = architecture.n_terms
        self.longest_input = architecture.longest_input
        self.work_per_token = 2 * architecture.n_multiplied
        self._architecture = architecture
        self._embeddings = embeddings
        self.layers = list(layers)
        self.head_dense = head_dense
        self._head_norm = head_norm
        self._head = head
        self._terms = terms
        self._literal = literal
        self._weighting = weighting

    def encode(self, texts: Sequence[TokenizedText]) -> SparseBatch:
        """Return one vector per text."""
        hidden = self.hidden_states(texts)
        active = active_terms(self._head, *hidden)
        if self._terms is not None:
            active = active._replace(terms=self._terms[active.terms])
        if self._literal is not None:
            active = self._literal.added(active, *hidden, texts)
        weights = active.weights
        for _ in range(self._weighting.saturation - 1):
            weights = np.log1p(weights)
        return SparseBatch(active.indptr, active.terms, weights, self.n_terms)

    def single_threaded(self) -> AbstractContextManager[None]:
        """Do nothing: a batch is never split over the cores."""
        return nullcontext()

    def hidden_states(
        self, texts: Sequence[TokenizedText]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return what the head multiplies, and where each text begins.

        Returns:
            Hidden states of the tokens that propose weights, shape (hidden size, padded tokens);
            and the first column of each text and one past the last, shape (n_texts + 1,).
        """
        starts = np.cumsum([0, *(text.ids.size for text in texts)], dtype=np.int64)
        words = np.concatenate([text.ids for text in texts])
        positions = np.concatenate([self._positions(text.ids) for text in texts])
        return _pooled(self._computed(words, positions, starts), starts, texts)

    def _computed(
        self, words: NDArray[np.int64], positions: NDArray[np.int64], starts: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return the hidden states of all tokens, shape (hidden size, padded tokens)."""
        shape = self._architecture
        size, n_tokens = shape.hidden_size, words.size
        x, context = new_activations(size, n_tokens), new_activations(size, n_tokens)
        qkv = new_activations(3 * size, n_tokens)
        inner = new_activations(shape.intermediate_size, n_tokens)
        types = np.zeros_like(words)
        embed(self._embeddings, words, positions, types, shape.epsilon, x)
        for layer in self.layers:
            layer.qkv(x, qkv)
            q, k, v = qkv[:size], qkv[size : 2 * size], qkv[2 * size :]
            attend(q, k, v, starts, shape.n_heads, context)
            layer.out(context, x, Activation.NONE, x)
            layer.attention_norm(x)
            layer.up(x, inner, shape.activation)
            layer.down(inner, x, Activation.NONE, x)
            layer.norm(x)
        self.head_dense(x, context, shape.head_activation)
        self._head_norm(context)
        return context

    def _positions(self, row: NDArray[np.int64]) -> NDArray[np.int64]:
        pad_id = self._architecture.pad_id
        if pad_id is None:
            return np.arange(row.size)
        # As in training, where a padding token inside a text, such as a "<pad>" that somebody
        # typed, keeps the padding's position and takes none of the text's.
        is_text = row != pad_id
        return np.cumsum(is_text) * is_text + pad_id


def _pooled(
    hidden: NDArray[np.float32], starts: NDArray[np.int64], texts: Sequence[TokenizedText]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the hidden states of the tokens that propose weights, and where each text's start."""
    sizes = [text.ids[text.pooled].size for text in texts]
    n_pooled = sum(sizes)
    if n_pooled == starts[-1]:
        return hidden, starts
    columns = [
        np.arange(start + text.pooled.start, start + text.pooled.stop)
        for start, text in zip(starts[:-1], texts, strict=True)
    ]
    kept = new_activations(hidden.shape[0], n_pooled)
    kept[:, :n_pooled] = hidden[:, np.concatenate(columns)]
    return kept, np.cumsum([0, *sizes], dtype=np.int64)
