"""What does a tower say of a text while it is not trained? The same every time: it is asked once.

DiSCo and other recipes train the tower of queries beside documents that keep their vectors. Those
are most of the work of a step, and come again and again.

A text is encoded by itself, so that its vector does not depend, in the last bit, on the texts that
happened to stand beside it: a resumed training meets texts in other company.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from lsr.encoders.tokenization import TokenizedText
from lsr.training.towers import NetworkTower

MOST_TEXTS = 250_000
"""Vectors that are kept, about 3 kB each; the oldest go first."""


class FrozenVectors:
    """Vectors of a tower that is not trained.

    Args:
        tower: in evaluation mode, without dropout, whenever it is asked.
    """

    def __init__(self, tower: NetworkTower) -> None:
        self._tower = tower
        self._rows: dict[bytes, tuple[torch.Tensor, torch.Tensor]] = {}

    def of(self, texts: Sequence[TokenizedText]) -> torch.Tensor:
        """Return the vectors of texts, shape (n_texts, n_terms + dense_size)."""
        rows = [self._row(text) for text in texts]
        vectors = rows[0][1].new_zeros(len(texts), self._tower.n_terms + self._tower.dense_size)
        for vector, (terms, weights) in zip(vectors, rows, strict=True):
            vector[terms] = weights
        return vectors

    def _row(self, text: TokenizedText) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the terms of a text and their weights."""
        key = text.ids.tobytes()
        if key not in self._rows:
            with torch.no_grad():
                vector = self._tower([text])[0]
            terms = vector.nonzero()[:, 0]
            self._rows[key] = (terms, vector[terms])
            if len(self._rows) > MOST_TEXTS:
                del self._rows[next(iter(self._rows))]
        return self._rows[key]
