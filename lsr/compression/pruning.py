"""How are the weights of one matrix removed? By the method of a recipe."""

from __future__ import annotations

import numpy as np

from lsr.compression.dsnot import refined
from lsr.compression.patterns import Pattern
from lsr.compression.recipe import Method
from lsr.compression.row_clusters import clustered_rows
from lsr.compression.scores import Floats, InputStatistics, at_random, magnitude, wanda
from lsr.compression.sparse_gpt import sparse_gpt


def prune(
    weight: Floats,
    inputs: InputStatistics,
    method: Method,
    pattern: Pattern,
    sparsity: float,
    seed: list[int],
    *,
    n_matrices: int = 1,
    exchanges: bool = False,
) -> Floats:
    """Return a matrix without the weights that count least.

    Which rows share blocks is chosen too, unless weights are removed by chance.

    Args:
        weight: shape (n_rows, n_columns).
        inputs: what goes into it.
        method: how they are chosen.
        pattern: which go together.
        sparsity: share of them.
        seed: of a random choice.
        n_matrices: of as many rows each that `weight` is made of; none shares blocks with another.
        exchanges: whether pairs are exchanged afterwards; see `lsr.compression.dsnot`.
    """
    if method is Method.RANDOM:
        scores = at_random(weight, np.random.default_rng(seed))
    elif method is Method.MAGNITUDE:
        scores = magnitude(weight)
    else:
        scores = wanda(weight, inputs)
    order = np.arange(len(weight))
    if pattern.n_rows > 1 and method.ranks_once:
        parts = zip(np.split(scores, n_matrices), np.split(order, n_matrices), strict=True)
        order = np.concatenate([rows[clustered_rows(own)] for own, rows in parts])
    whole = weight[order]
    if method is Method.SPARSE_GPT:
        pruned = sparse_gpt(whole, inputs.products, pattern, sparsity)
    else:
        pruned = np.where(pattern.kept(scores[order], sparsity), whole, np.float32(0))
    if exchanges:
        pruned = refined(whole, pruned, inputs, pattern)
    left = np.empty_like(weight)
    left[order] = pruned
    return left
