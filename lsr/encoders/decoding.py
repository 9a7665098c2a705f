"""What does a vector say in words? Its tokens, the heaviest first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lsr.errors import InvalidInputError
from lsr.sparse import SparseBatch


def decode_batch(
    batch: SparseBatch, tokens: Sequence[str], top_k: int | None
) -> list[dict[str, float]]:
    """Return each row as ``{token: weight}``, heaviest first, ties by term id.

    Args:
        batch: over the vocabulary of `tokens`.
        tokens: name of every term.
        top_k: most tokens of a row; None for all.

    Raises:
        InvalidInputError: the batch is over another vocabulary, or `top_k` is below 1.
    """
    if batch.n_terms != len(tokens):
        raise InvalidInputError(
            f"The batch has a vocabulary of {batch.n_terms} terms but the model one of "
            f"{len(tokens)}."
        )
    if top_k is not None and top_k < 1:
        raise InvalidInputError(f"top_k is {top_k}, but must be at least 1.")
    decoded = []
    for terms, weights in batch.rows():
        order = np.argsort(-weights, kind="stable")[:top_k]
        decoded.append({tokens[terms[at]]: float(weights[at]) for at in order})
    return decoded
