"""Random matrices, activations and texts for the kernels of a transformer."""

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from lsr.kernels.transformer import new_activations

Floats = NDArray[np.float32]

seeds = st.integers(0, 2**32 - 1)

sizes = st.one_of(st.integers(1, 40), st.sampled_from([47, 48, 49, 64, 130]))
"""Rows, columns or tokens: one, odd, and around the edges of strips and panels."""

text_lengths = st.lists(
    st.one_of(st.integers(0, 20), st.sampled_from([47, 48, 49, 70])), min_size=0, max_size=6
)
"""Tokens of each text of a batch, some without any."""


def normal(seed: int, *shape: int) -> Floats:
    """Return numbers around zero."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def activations(seed: int, n_features: int, n_tokens: int) -> Floats:
    """Return activations whose padding is junk."""
    x = new_activations(n_features, n_tokens)
    x[:] = normal(seed, *x.shape)
    return x


def starts_of(lengths: list[int]) -> NDArray[np.int64]:
    """Return the first token of each text, and one past the last."""
    return np.cumsum([0, *lengths], dtype=np.int64)
