"""What does a vector look like that this index can be asked? Two of its own terms, common ones."""

from __future__ import annotations

import numpy as np

from lsr.index import Searcher

_LOOKED_AT = 256
_N_TERMS = 2


def example_vector(searcher: Searcher) -> dict[str, float]:
    """Return a vector that finds documents; empty where the index has no terms.

    It names the most frequent of some terms all over the vocabulary, words before other marks.
    """
    n_terms = searcher.vocabulary.n_terms
    looked_at = np.unique(np.linspace(0, n_terms - 1, min(_LOOKED_AT, n_terms), dtype=np.uint32))

    def rank(term: int) -> tuple[bool, int]:
        return searcher.vocabulary.name(term).isalnum(), n_postings(term)

    def n_postings(term: int) -> int:
        one = np.array([term], dtype=np.uint32)
        return sum(each.n_postings_of(one) for each in searcher.segments if term < each.n_terms)

    known = [term for term in looked_at.tolist() if n_postings(term)]
    best = sorted(known, key=rank, reverse=True)[:_N_TERMS]
    return {searcher.vocabulary.name(term): 1.0 for term in best}
