"""What do the answers of shards make together? The best of all, by score, then document number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lsr.index import Rankings


class BestSoFar:
    """The best documents of each query among the shards that have answered.

    Args:
        n_queries: number of queries.
        k: documents to keep of each.
    """

    def __init__(self, n_queries: int, k: int) -> None:
        self._k = k
        self._doc_numbers = np.full((n_queries, k), -1, dtype=np.int64)
        self._scores = np.zeros((n_queries, k))

    def add(self, found: Rankings, first_doc: int) -> None:
        """Take in what a shard has found.

        Args:
            found: with the shard's own document numbers.
            first_doc: number of its first document in the index.
        """
        numbers = np.where(found.doc_numbers < 0, -1, found.doc_numbers + first_doc)
        doc_numbers = np.concatenate([self._doc_numbers, numbers], axis=1)
        scores = np.concatenate([self._scores, found.scores], axis=1)
        best = np.lexsort((doc_numbers, -scores))[:, : self._k]
        self._doc_numbers = np.take_along_axis(doc_numbers, best, axis=1)
        self._scores = np.take_along_axis(scores, best, axis=1)

    @property
    def floors(self) -> NDArray[np.float64]:
        """A score that `k` documents reach, for each query; 0 while fewer are known."""
        return self._scores[:, -1].copy()

    def rankings(self, missing: tuple[str, ...] = ()) -> Rankings:
        """Return the best documents.

        Args:
            missing: names of the shards that have not answered.
        """
        return Rankings(self._doc_numbers, self._scores, missing=missing)
