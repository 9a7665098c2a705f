"""Which terms would be missed least? Those that add least to texts, by what the model says of many.

What a term adds to a score is the product of its weight in two texts. So a term that texts lose is
missed by the squares of its weights in them, summed up. Where the texts that hold a term keep it,
only the others lose it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from lsr.compression.recipe import Vocabulary
from lsr.compression.texts import document_texts, tokenized
from lsr.encoders import Backend, load_encoder
from lsr.encoders.layouts import TowerFiles
from lsr.encoders.tokenization import TokenizedText
from lsr.errors import ConfigError
from lsr.sparse import SparseBatch

READ_AT_ONCE = 1024

Floats = NDArray[np.float64]


def losses_of_terms(model: str, files: TowerFiles, vocabulary: Vocabulary, n_terms: int) -> Floats:
    """Return what the documents would lose with each term, shape (n_terms,).

    Args:
        model: that weighs terms, before anything is removed.
        files: of it.
        vocabulary: of the recipe, which names the documents.
        n_terms: of the model.

    Raises:
        ConfigError: the documents have no terms.
    """
    encoder = load_encoder(model, backend=Backend.NATIVE)
    losses, has_terms = np.zeros(n_terms), False
    documents = document_texts(vocabulary.documents, vocabulary.n_documents)
    for some in iter(lambda: list(islice(documents, READ_AT_ONCE)), []):
        vectors = encoder.encode_documents(some)
        has_terms |= vectors.terms.size > 0
        lost = vectors.weights.astype(np.float64) ** 2
        if vocabulary.leaves_literal:
            lost[occurrences(vectors, tokenized(files, some))] = 0
        losses += np.bincount(vectors.terms, lost, minlength=n_terms)
    if not has_terms:
        raise ConfigError(f"{vocabulary.documents} holds no text that has terms to be weighed.")
    return losses


def occurrences(vectors: SparseBatch, texts: Sequence[TokenizedText]) -> NDArray[np.bool_]:
    """Return which of the vectors' terms are among the tokens of their texts, shape (nnz,)."""
    held = [
        np.isin(terms, text.ids) for (terms, _), text in zip(vectors.rows(), texts, strict=True)
    ]
    return np.concatenate(held)


def least_missed(losses: Floats, share: float) -> NDArray[np.int64]:
    """Return a share of the terms, those of the least losses, rising; for 0 those of none."""
    n_dropped = round(share * losses.size) if share else int((losses == 0).sum())
    return np.sort(np.argsort(losses, kind="stable")[:n_dropped])
