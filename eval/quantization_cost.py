"""What does rounding weights to small integers cost? Nothing, or the float ranking says so.

The cost of the quantizer is measure(float run) - measure(index run). The float run comes from the
same vectors that went into the index, before they were rounded, scored exactly while it is built.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lsr.errors import InvalidInputError
from lsr.sparse import SparseBatch

CELLS_AT_ONCE = 1 << 22
"""Query-document scores held at once, 32 MiB of them."""


class FloatScorer:
    """The top k documents of every query by unquantized weights, batch after batch.

    Memory grows with queries times k, not with the corpus. Ties are broken by order of arrival.

    Example:
        >>> queries = SparseBatch.from_rows([[(0, 2.0), (1, 1.0)]], n_terms=3)
        >>> scorer = FloatScorer(queries, k=2)
        >>> scorer.add(["a", "b"], SparseBatch.from_rows([[(2, 9.0)], [(1, 3.0)]], n_terms=3))
        >>> scorer.add(["c"], SparseBatch.from_rows([[(0, 2.0)]], n_terms=3))
        >>> scorer.run(["q"])
        {'q': [('c', 4.0), ('b', 3.0)]}
    """

    def __init__(self, queries: SparseBatch, k: int) -> None:
        self._queries = queries.to_scipy().astype(np.float64)
        self._k = k
        self._scores: NDArray[np.float64] = np.empty((len(queries), 0))
        self._doc_ids: NDArray[np.object_] = np.empty((len(queries), 0), dtype=object)

    def add(self, doc_ids: Sequence[str], vectors: SparseBatch) -> None:
        """Score documents that follow all those added before.

        Raises:
            InvalidInputError: ids and vectors differ in number, or the vectors have another
                vocabulary than the queries.
        """
        n_queries, n_terms = self._queries.shape
        if len(doc_ids) != len(vectors) or vectors.n_terms != n_terms:
            raise InvalidInputError(
                f"{len(doc_ids)} ids came with {len(vectors)} vectors over {vectors.n_terms} "
                f"terms; queries have {n_terms} terms."
            )
        step = max(1, CELLS_AT_ONCE // max(1, n_queries))
        for start in range(0, len(doc_ids), step):
            documents = vectors.slice(start, min(start + step, len(vectors))).to_scipy()
            scores = (self._queries @ documents.T.astype(np.float64)).toarray()
            self._merge(scores, np.array(doc_ids[start : start + step], dtype=object))

    def run(self, query_ids: Sequence[str]) -> dict[str, list[tuple[str, float]]]:
        """Return the hits of every query, best first."""
        run = {}
        for query_id, scores, doc_ids in zip(query_ids, self._scores, self._doc_ids, strict=True):
            found = scores > 0
            run[query_id] = list(zip(doc_ids[found].tolist(), scores[found].tolist(), strict=True))
        return run

    def _merge(self, scores: NDArray[np.float64], doc_ids: NDArray[np.object_]) -> None:
        """Keep the k best of those kept so far, which come first in ties, and the new ones."""
        scores = np.concatenate([self._scores, scores], axis=1)
        names = np.concatenate(
            [self._doc_ids, np.broadcast_to(doc_ids, (len(scores), doc_ids.size))], axis=1
        )
        best = np.argsort(-scores, axis=1, kind="stable")[:, : self._k]
        self._scores = np.take_along_axis(scores, best, axis=1)
        self._doc_ids = np.take_along_axis(names, best, axis=1)
