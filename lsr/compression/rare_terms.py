"""Which terms do the fewest documents have? By what the model says of very many."""

from __future__ import annotations

from itertools import islice

import numpy as np
from numpy.typing import NDArray

from lsr.compression.recipe import Vocabulary
from lsr.compression.texts import document_texts
from lsr.encoders import Backend, load_encoder
from lsr.errors import ConfigError

COUNTED_AT_ONCE = 1024


def counted_terms(model: str, vocabulary: Vocabulary, n_terms: int) -> NDArray[np.int64]:
    """Return how many documents have each term.

    Args:
        model: that says so, before anything is removed.
        vocabulary: of the recipe, which names the documents.
        n_terms: of the model.

    Raises:
        ConfigError: the documents have no terms.
    """
    encoder = load_encoder(model, backend=Backend.NATIVE)
    counts = np.zeros(n_terms, dtype=np.int64)
    texts = document_texts(vocabulary.documents, vocabulary.n_documents)
    for some in iter(lambda: list(islice(texts, COUNTED_AT_ONCE)), []):
        counts += np.bincount(encoder.encode_documents(some).terms, minlength=n_terms)
    if not counts.any():
        raise ConfigError(f"{vocabulary.documents} holds no text whose terms can be counted.")
    return counts


def rarest_terms(counts: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """Return the terms that the fewest documents have, rising; those that none has for share 0."""
    n_dropped = round(share * counts.size) if share else int((counts == 0).sum())
    return np.sort(np.argsort(counts, kind="stable")[:n_dropped])
