"""What do the answers of shards make together? The best of all, by score, then document number.

And a floor for those that are asked later, so some are asked first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lsr.index import Rankings

MOST_COLUMNS = 8
"""Times k that may wait to be sorted: to find a floor takes a tenth of what sorting takes."""

FIRST_SHARE = 4
"""One shard in so many is asked before any other. Of 7 shards, asked 1, 2 and 4 at a time, all add
1.13 times the impacts of a single index for 10 hits; 1 and 6 at a time 1.38, all at once 1.93."""


def n_asked_at_once(n_shards: int, n_answered: int, n_processors: int) -> int:
    """Return how many shards may be asked at a time: the more the more have answered.

    Few are asked together: what a floor saves there is less than the time that it takes.

    Args:
        n_shards: shards to ask.
        n_answered: those of them that have answered.
        n_processors: shards that can be asked at a time.
    """
    return min(n_processors, (n_shards // FIRST_SHARE or n_shards) + n_answered)


class BestSoFar:
    """The best documents of each query among the shards that have answered.

    Args:
        n_queries: number of queries.
        k: documents to keep of each.
    """

    def __init__(self, n_queries: int, k: int) -> None:
        self._k = k
        # There are always k columns to choose from, first of no documents at all.
        self._doc_numbers = np.full((n_queries, k), -1, dtype=np.int64)
        self._scores = np.zeros((n_queries, k))

    def add(self, found: Rankings, first_doc: int) -> None:
        """Take in what a shard has found.

        Args:
            found: with the shard's own document numbers.
            first_doc: number of its first document in the index.
        """
        numbers = np.where(found.doc_numbers < 0, -1, found.doc_numbers + first_doc)
        self._doc_numbers = np.concatenate([self._doc_numbers, numbers], axis=1)
        self._scores = np.concatenate([self._scores, found.scores], axis=1)
        if self._scores.shape[1] > MOST_COLUMNS * self._k:
            self._sort()

    @property
    def floors(self) -> NDArray[np.float64]:
        """A score that `k` documents reach, for each query; 0 while fewer are known."""
        place = self._scores.shape[1] - self._k
        return np.partition(self._scores, place, axis=1)[:, place].copy()

    def rankings(self, missing: tuple[str, ...] = ()) -> Rankings:
        """Return the best documents.

        Args:
            missing: names of the shards that have not answered.
        """
        self._sort()
        return Rankings(self._doc_numbers, self._scores, missing=missing)

    def _sort(self) -> None:
        """Keep the best k of each query, best first; what is below the floor need not be sorted."""
        n_queries = len(self._scores)
        doc_numbers = np.empty((n_queries, self._k), dtype=np.int64)
        scores = np.empty((n_queries, self._k))
        for row, floor in enumerate(self.floors.tolist()):
            places = np.flatnonzero(self._scores[row] >= floor)
            numbers, of_row = self._doc_numbers[row][places], self._scores[row][places]
            best = np.lexsort((numbers, -of_row))[: self._k]
            doc_numbers[row], scores[row] = numbers[best], of_row[best]
        self._doc_numbers, self._scores = doc_numbers, scores
