"""Which terms does a text hold itself? A lexical method gives weights to no others.

Paper: C. Lassance, H. Dejean, T. Formal, S. Clinchant, "SPLADE-v3: New baselines for SPLADE", 2024
(SPLADE-v3-Lexical).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.tokenization import TokenizedText
from lsr.sparse import SparseBatch


def without_expansion(
    vectors: SparseBatch, texts: Sequence[TokenizedText], special: NDArray[np.int64]
) -> SparseBatch:
    """Return vectors without the terms that their texts do not hold.

    Args:
        vectors: one for each text.
        texts: the texts.
        special: ids of special tokens, which are no terms of a text even where it writes them.
    """
    kept = [
        np.isin(terms, np.setdiff1d(text.ids, special))
        for text, (terms, _) in zip(texts, vectors.rows(), strict=True)
    ]
    where = np.concatenate([np.empty(0, bool), *kept])
    indptr = np.cumsum([0, *(row.sum() for row in kept)], dtype=np.int64)
    return SparseBatch(indptr, vectors.terms[where], vectors.weights[where], vectors.n_terms)
