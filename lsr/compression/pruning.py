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
    order = np.arange(len(weight))
    if pattern.n_rows > 1 and method.ranks_once:
        scores = magnitude(weight) if method is Method.MAGNITUDE else wanda(weight, inputs)
        parts = zip(np.split(scores, n_matrices), np.split(order, n_matrices), strict=True)
        order = np.concatenate([rows[clustered_rows(own)] for own, rows in parts])
    whole = weight[order]
    pruned = _pruned(whole, inputs, method, pattern, sparsity, seed)
    if exchanges:
        pruned = refined(whole, pruned, inputs, pattern)
    left = np.empty_like(weight)
    left[order] = pruned
    return left


def _pruned(
    weight: Floats,
    inputs: InputStatistics,
    method: Method,
    pattern: Pattern,
    sparsity: float,
    seed: list[int],
) -> Floats:
    if method is Method.SPARSE_GPT:
        return sparse_gpt(weight, inputs.products, pattern, sparsity)
    if method is Method.WANDA:
        scores = wanda(weight, inputs)
    elif method is Method.MAGNITUDE:
        scores = magnitude(weight)
    else:
        scores = at_random(weight, np.random.default_rng(seed))
    return np.where(pattern.kept(scores, sparsity), weight, np.float32(0))
