"""How are the weights of one matrix removed? By the method of a recipe."""

from __future__ import annotations

import numpy as np

from lsr.compression.patterns import Pattern
from lsr.compression.recipe import Method
from lsr.compression.scores import Floats, InputStatistics, at_random, magnitude, wanda
from lsr.compression.sparse_gpt import sparse_gpt


def prune(
    weight: Floats,
    inputs: InputStatistics,
    method: Method,
    pattern: Pattern,
    sparsity: float,
    seed: list[int],
) -> Floats:
    """Return a matrix without the weights that count least.

    Args:
        weight: shape (n_rows, n_columns).
        inputs: what goes into it.
        method: how they are chosen.
        pattern: which go together.
        sparsity: share of them.
        seed: of a random choice.
    """
    if method is Method.SPARSE_GPT:
        return sparse_gpt(weight, inputs.products, pattern, sparsity)
    if method is Method.WANDA:
        scores = wanda(weight, inputs)
    elif method is Method.MAGNITUDE:
        scores = magnitude(weight)
    else:
        scores = at_random(weight, np.random.default_rng(seed))
    return np.where(pattern.kept(scores, sparsity), weight, np.float32(0))
