"""What enters the first layer? The layer norm of word + position + type embedding."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lsr.errors import InvalidInputError
from lsr.kernels._compile import kernel
from lsr.kernels.transformer.lanes import LANES, VECTOR_BYTES, load, store, transpose
from lsr.kernels.transformer.layer_norm import layer_norm_reference, normalize
from lsr.kernels.transformer.layout import check_activations, padded_tokens


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
    check_activations("out", out, tables.gamma.size, padded_tokens(words.size))
    for name, rows, table in (
        ("word", words, tables.words),
        ("position", positions, tables.positions),
        ("type", types, tables.types),
    ):
        is_outside = (rows < 0) | (rows >= table.shape[0])
        if is_outside.any():
            raise InvalidInputError(
                f"A text has the {name} id {rows[is_outside][0]}, but the model's table has "
                f"{table.shape[0]} rows; tokenizer and model do not belong together."
            )
    _embed(*tables, words, positions, types, np.float32(epsilon), out)


@kernel
def _embed(
    word_table: NDArray[np.float32],
    position_table: NDArray[np.float32],
    type_table: NDArray[np.float32],
    gamma: NDArray[np.float32],
    beta: NDArray[np.float32],
    words: NDArray[np.int64],
    positions: NDArray[np.int64],
    types: NDArray[np.int64],
    epsilon: np.float32,
    out: NDArray[np.float32],
) -> None:
    n_features, row_bytes = out.shape[0], 4 * out.shape[1]
    n_blocks = -(-n_features // LANES)
    # Rows of 16 tokens as the tables have them, and as `out` has them.
    rows = np.zeros((LANES, n_blocks * LANES), dtype=np.float32)
    columns = np.empty((n_blocks * LANES, LANES), dtype=np.float32)
    for first in range(0, words.size, LANES):
        for lane in range(min(LANES, words.size - first)):
            word, position, kind = words[first + lane], positions[first + lane], types[first + lane]
            for feature in range(n_features):
                rows[lane, feature] = (
                    word_table[word, feature]
                    + position_table[position, feature]
                    + type_table[kind, feature]
                )
        for block in range(n_blocks):
            source = rows.ctypes.data + block * VECTOR_BYTES
            target = columns.ctypes.data + block * LANES * VECTOR_BYTES
            transpose(source, n_blocks * VECTOR_BYTES, target)
        for feature in range(n_features):
            column = load(columns.ctypes.data + feature * VECTOR_BYTES)
            store(out.ctypes.data + feature * row_bytes + 4 * first, column)
    normalize(out, gamma, beta, epsilon, out)
