"""How many terms do documents and queries have, and how much work do they make together?

The FLOPS metric is the number of products of weights that a query and a document have on average:

    FLOPS = sum over terms j of p_q(j) * p_d(j)

where p_q(j) is the share of queries that have term j, and p_d(j) the share of documents. Every
posting that an exhaustive search reads is one of them.

Paper: Paria et al., "Minimizing FLOPs to Learn Efficient Sparse Representations", ICLR 2020.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lsr.index import Searcher
from lsr.kernels.postings import RANGE_SIZE, n_ranges
from lsr.sparse import SparseBatch


@dataclass(frozen=True, slots=True, eq=False)
class TermCounts:
    """Where the weights of an index are.

    Attributes:
        n_docs: documents counted; deleted ones that are still stored are among them.
        docs_with_term: shape (n_terms,), documents that have each term.
        docs_of_length: {number of terms: documents that have so many}, rising.
    """

    n_docs: int
    docs_with_term: NDArray[np.int64]
    docs_of_length: dict[int, int]


def count_terms(searcher: Searcher) -> TermCounts:
    """Count the terms of all documents of an index, a range of its postings at a time."""
    from lsr.kernels.range_coding import decode_range

    docs_with_term = np.zeros(searcher.vocabulary.n_terms, dtype=np.int64)
    docs_of_length = np.zeros(1, dtype=np.int64)
    for segment in searcher.segments:
        for number in range(n_ranges(segment.n_docs)):
            n_docs = min(RANGE_SIZE, segment.n_docs - number * RANGE_SIZE)
            segment.check_range(number)
            indptr, terms, _ = decode_range(segment.postings, number, n_docs, segment.n_terms)
            docs_with_term += np.bincount(terms, minlength=docs_with_term.size)
            lengths = np.bincount(np.diff(indptr))
            size = max(lengths.size, docs_of_length.size)
            docs_of_length = np.pad(docs_of_length, (0, size - docs_of_length.size))
            docs_of_length[: lengths.size] += lengths
    return TermCounts(
        n_docs=int(docs_of_length.sum()),
        docs_with_term=docs_with_term,
        docs_of_length={
            length: int(docs_of_length[length])
            for length in np.flatnonzero(docs_of_length).tolist()
        },
    )


def flops(counts: TermCounts, queries: SparseBatch) -> float:
    """Return the FLOPS metric of queries, in the vocabulary of the index, and its documents.

    Example:
        >>> counts = TermCounts(2, np.array([2, 1, 0]), {1: 1, 2: 1})
        >>> flops(counts, SparseBatch.from_rows([[(0, 1.0), (1, 1.0)], [(2, 1.0)]], n_terms=3))
        0.75
    """
    queries_with_term = np.bincount(queries.terms, minlength=counts.docs_with_term.size)
    products = queries_with_term.astype(np.float64) @ counts.docs_with_term
    return float(products / max(1, len(queries)) / max(1, counts.n_docs))
