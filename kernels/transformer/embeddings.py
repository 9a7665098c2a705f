"""What enters the first layer? The layer norm of word + position + type embedding."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lsr.errors import InvalidInputError
from lsr.kernels.transformer.layer_norm import layer_norm_reference


class EmbeddingTables(NamedTuple):
    """The learned tables, each with one row of features per entry.

    Attributes:
        words: shape (n_words, n_features).
        positions: shape (n_positions, n_features).
        types: shape (n_types, n_features); one row of zeros for a model without types.
        gamma: shape (n_features,), factors of the layer norm.
        beta: shape (n_features,), its summands.
    """

    words: NDArray[np.float32]
    positions: NDArray[np.float32]
    types: NDArray[np.float32]
    gamma: NDArray[np.float32]
    beta: NDArray[np.float32]


def embed_reference(
    tables: EmbeddingTables,
    words: NDArray[np.int64],
    positions: NDArray[np.int64],
    types: NDArray[np.int64],
    epsilon: float,
) -> NDArray[np.float64]:
    """Say in NumPy, with 64 bits, what `embed` must write for the tokens."""
    total = tables.words[words] + tables.positions[positions] + tables.types[types]
    return layer_norm_reference(total.T, tables.gamma, tables.beta, epsilon)


def embed(
    tables: EmbeddingTables,
    words: NDArray[np.int64],
    positions: NDArray[np.int64],
    types: NDArray[np.int64],
    epsilon: float,
    out: NDArray[np.float32],
) -> None:
    """Write the embedding of every token, after its layer norm.

    Args:
        tables: the learned tables.
        words: shape (n_tokens,), row of each token in the table of words.
        positions: shape (n_tokens,), row in the table of positions.
        types: shape (n_tokens,), row in the table of types.
        epsilon: added to the variance.
        out: shape (n_features, padded tokens), overwritten.

    Raises:
        InvalidInputError: a row lies outside its table.
    """
    named = (("word", words, tables.words), ("position", positions, tables.positions))
    for name, rows, table in (*named, ("type", types, tables.types)):
        if rows.size and not 0 <= rows.min() <= rows.max() < table.shape[0]:
            raise InvalidInputError(
                f"a {name} id is outside its embedding table of {table.shape[0]} rows: "
                f"ids run from {rows.min()} to {rows.max()}."
            )
    out[:, : words.size] = embed_reference(tables, words, positions, types, epsilon)
