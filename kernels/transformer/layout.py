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

import numpy as np
from numpy.typing import NDArray

TOKEN_LANES = 16
"""Tokens of a vector, on every processor: what is narrower takes a vector in parts."""


def padded_tokens(n_tokens: int) -> int:
    """Return the length of a row that holds `n_tokens` tokens."""
    return -(-n_tokens // TOKEN_LANES) * TOKEN_LANES


def new_activations(n_features: int, n_tokens: int) -> NDArray[np.float32]:
    """Return zeros for `n_tokens` tokens, shape (n_features, padded_tokens(n_tokens))."""
    return np.zeros((n_features, padded_tokens(n_tokens)), dtype=np.float32)
