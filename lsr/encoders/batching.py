"""Which texts share a batch? Texts of similar length, so that little of a batch is padding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.tokenization import TokenizedText
from lsr.sparse import SparseBatch

MAX_ROWS = 128
"""Most texts of a batch; bounds its [rows, vocabulary] result to about 16 MB at 30,000 terms."""

WINDOW_TEXTS = 1024
"""Texts sorted together. With four times as many, 2 % less of the batches of passages would be
padding, which only torch computes, but the workers would wait four times as long for the first."""


def plan_batches(lengths: NDArray[np.int64], token_budget: int) -> list[NDArray[np.int64]]:
    """Group texts by length.

    Args:
        lengths: shape (n_texts,), tokens of each text.
        token_budget: a batch holds at most this many tokens, padding included; a text that is
            longer by itself gets a batch of its own.

    Returns:
        Positions in `lengths`, each in exactly one batch; long texts first, so that the last
        batches to run, when workers fall idle one by one, are the short ones.
    """
    order = np.argsort(-lengths, kind="stable")
    batches = []
    start = 0
    while start < order.size:
        width = max(1, int(lengths[order[start]]))
        stop = start + min(MAX_ROWS, max(1, token_budget // width))
        batches.append(order[start:stop])
        start = stop
    return batches


class Window:
    """Texts that are sorted together into batches, and put into order again afterwards.

    Args:
        texts: tokenized; those without tokens are in no batch.
        token_budget: most tokens of a batch, see `plan_batches`.
    """

    def __init__(self, texts: Sequence[TokenizedText], token_budget: int) -> None:
        self._texts = texts
        self._lengths = np.array([text.ids.size for text in texts], dtype=np.int64)
        filled = np.flatnonzero(self._lengths)
        self._rows = [filled[rows] for rows in plan_batches(self._lengths[filled], token_budget)]
        self.truncated = [row for row, text in enumerate(texts) if text.is_truncated]
        self.n_empty = int(self._lengths.size - filled.size)

    def __len__(self) -> int:
        return self._lengths.size

    @property
    def batches(self) -> list[list[TokenizedText]]:
        """The texts of each batch."""
        return [[self._texts[row] for row in rows] for rows in self._rows]

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Texts and tokens of each batch."""
        return [(rows.size, int(self._lengths[rows].sum())) for rows in self._rows]

    def in_order(self, encoded: Sequence[SparseBatch], n_terms: int) -> SparseBatch:
        """Return a vector per text from those of the batches; of an empty text without terms."""
        # One vector stands for every empty text.
        empty = SparseBatch.from_rows([[]], n_terms)
        return SparseBatch.concatenate([*encoded, empty]).take(self._places().tolist())

    def dense_in_order(
        self, encoded: Sequence[NDArray[np.float32]], size: int
    ) -> NDArray[np.float32]:
        """Return a dense row of `size` numbers per text from those of the batches; zeros if empty.

        Returns:
            shape (n_texts, size).
        """
        return np.concatenate([*encoded, np.zeros((1, size), np.float32)])[self._places()]

    def _places(self) -> NDArray[np.int64]:
        """Return where each text stands in the batches, one after the other; empty ones at last."""
        n_filled = len(self) - self.n_empty
        places = np.full(len(self), n_filled, dtype=np.int64)
        if self._rows:
            places[np.concatenate(self._rows)] = np.arange(n_filled)
        return places
