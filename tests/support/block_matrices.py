"""Random matrices of which weights were removed."""

import numpy as np

from transformer_inputs import Floats, normal


def pruned(seed: int, n_rows: int, n_columns: int, share: float) -> Floats:
    """Return a matrix of which a share of the weights is zero, one by one."""
    is_kept = np.random.default_rng(seed).random((n_rows, n_columns)) >= share
    return normal(seed + 1, n_rows, n_columns) * is_kept


def block_masked(seed: int, n_rows: int, n_columns: int, share: float) -> Floats:
    """Return a matrix of which a share of the columns is zero in every four rows, others each."""
    random = np.random.default_rng(seed)
    n_kept = round(n_columns * (1 - share))
    weight = normal(seed + 1, n_rows, n_columns)
    for first in range(0, n_rows, 4):
        removed = random.permutation(n_columns)[n_kept:]
        weight[first : first + 4, removed] = 0
    return weight
