"""How do logits become vectors where the library has no word for it? In NumPy.

Only the numbers above zero are kept of each text, as the terms and weights that an index takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from lsr.sparse import SparseBatch

Run = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float32]]
"""Turns ids and mask of shape (texts, tokens) into logits of shape (texts, tokens, terms)."""


class Row(NamedTuple):
    """One vector.

    Attributes:
        terms: with a weight above zero, rising.
        weights: of these.
        n_terms: size of the vocabulary.
    """

    terms: NDArray[np.int64]
    weights: NDArray[np.float32]
    n_terms: int


class PooledLogits:
    """Encodes texts by a session that returns logits.

    Args:
        run: computes a batch.
        tokenizer: set to cut and to pad.
        batch_size: texts of a batch.
    """

    def __init__(self, run: Run, tokenizer: Tokenizer, batch_size: int) -> None:
        self._run = run
        self._tokenizer = tokenizer
        self._batch_size = batch_size

    def __call__(self, texts: Sequence[str]) -> list[Row]:
        """Return one vector per text."""
        rows: list[Row] = []
        for start in range(0, len(texts), self._batch_size):
            encoded = self._tokenizer.encode_batch(list(texts[start : start + self._batch_size]))
            ids = np.array([one.ids for one in encoded], dtype=np.int64)
            mask = np.array([one.attention_mask for one in encoded], dtype=np.int64)
            rows += active_rows(pooled(self._run(ids, mask), mask))
        return rows


def pooled(logits: NDArray[np.float32], mask: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return log(1 + largest logit above zero) of every term, shape (texts, terms).

    The maximum comes before the logarithm, which so is taken of one number a term.
    """
    n_tokens = mask.sum(axis=1)  # padding stands at the end
    pairs = zip(logits, n_tokens, strict=True)
    largest = np.stack([text[:n].max(axis=0) for text, n in pairs])
    return np.log1p(np.maximum(largest, 0))


def active_rows(weights: NDArray[np.float32]) -> list[Row]:
    """Return the terms above zero of each row of a dense array."""
    found = ((row, np.flatnonzero(row)) for row in weights)
    return [Row(terms, row[terms], row.size) for row, terms in found]


def rows_as_batch(rows: Sequence[Row]) -> SparseBatch:
    """Return vectors as one batch."""
    indptr = np.cumsum([0, *(row.terms.size for row in rows)])
    return SparseBatch.from_arrays(
        indptr,
        np.concatenate([row.terms for row in rows]),
        np.concatenate([row.weights for row in rows]),
        rows[0].n_terms,
    )
