"""How do the activations of a batch of texts lie in memory?

Feature-major and packed: ``x[feature, token]``, float32, C order. The tokens of all texts stand one
after the other with no padding between them; text ``i`` has the columns ``starts[i]`` to
``starts[i + 1]``. Only the end of a row is padded, to whole vectors of `TOKEN_LANES` tokens, with
finite numbers that nobody reads.

Rows whose length is a multiple of 128 tokens share few sets of the caches: walking down a column is
then up to five times slower, in the layer norm for instance. Who packs batches may avoid them.

So a vector register holds 16 tokens of one feature, all kernels work on any mix of lengths, and
means, maxima and sums over features or tokens never cross lanes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.errors import InvalidInputError

TOKEN_LANES = 16
"""Tokens of a vector, on every processor: what is narrower takes a vector in parts."""


CROWDED = 128
"""Rows of a multiple of this length begin in the same few places of the first-level cache, which
makes what walks down a column, such as the layer norm, 5 to 8 times slower."""


def padded_tokens(n_tokens: int) -> int:
    """Return the length of a row that holds `n_tokens` tokens: whole vectors, no crowded length."""
    n_padded = -(-n_tokens // TOKEN_LANES) * TOKEN_LANES
    return n_padded + TOKEN_LANES if n_padded and n_padded % CROWDED == 0 else n_padded


def new_activations(n_features: int, n_tokens: int) -> NDArray[np.float32]:
    """Return zeros for `n_tokens` tokens, shape (n_features, padded_tokens(n_tokens))."""
    return np.zeros((n_features, padded_tokens(n_tokens)), dtype=np.float32)


def check_activations(name: str, x: NDArray[Any], n_features: int, n_tokens: int) -> None:
    """Refuse an array whose memory a kernel would misread, or write beyond.

    Args:
        name: what the message calls the array.
        x: the array.
        n_features: rows that it must have.
        n_tokens: columns that it must have.

    Raises:
        InvalidInputError: the array is not what the arguments say, or not padded.
    """
    is_flat = x.dtype == np.float32 and x.flags.c_contiguous
    if not is_flat or x.shape != (n_features, n_tokens) or n_tokens % TOKEN_LANES:
        raise InvalidInputError(
            f"{name} must be C-contiguous float32 of shape ({n_features}, {n_tokens}), padded to a "
            f"multiple of {TOKEN_LANES} tokens, but it is {x.dtype} of shape {x.shape}."
        )


def check_starts(starts: NDArray[np.int64], n_tokens: int) -> None:
    """Refuse texts that lie outside of the activations.

    Args:
        starts: shape (n_texts + 1,), first column of each text and one past the last.
        n_tokens: columns of the activations.

    Raises:
        InvalidInputError: they fall, or leave the activations.
    """
    if starts.size == 0 or starts[0] < 0 or starts[-1] > n_tokens or (np.diff(starts) < 0).any():
        raise InvalidInputError(
            f"starts must rise from 0 to at most {n_tokens}, the number of tokens, and have one "
            "more entry than there are texts."
        )
