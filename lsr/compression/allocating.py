"""How much does each matrix of a model lose by a recipe? Looked at, and measured, where it matters.

The network is dense while its matrices are looked at: what they lose together is decided before
anything is removed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lsr.compression.allocation import erk, knapsack, outlier_share, owl
from lsr.compression.analysis import blocks_us, dense_us, output_size
from lsr.compression.calibrated_network import CalibratedNetwork
from lsr.compression.checkpoint import Checkpoint
from lsr.compression.patterns import Pattern
from lsr.compression.pruning import prune
from lsr.compression.recipe import Allocation, Layers, Method
from lsr.compression.scores import Doubles, wanda
from lsr.encoders.tokenization import TokenizedText

LEVELS = (0.0, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Sparsities among which the knapsack chooses, beside the one that the recipe names."""

Place = tuple[int, str]
"""Layer and part of a matrix."""


def allocated(
    layers: Layers,
    places: Sequence[Place],
    checkpoint: Checkpoint,
    network: CalibratedNetwork,
    texts: Sequence[TokenizedText],
    *,
    on_step: Callable[[str], None],
) -> Doubles:
    """Return the sparsity of each matrix.

    Args:
        layers: of the recipe.
        places: of the matrices.
        checkpoint: that holds them.
        network: of the same model, nothing removed.
        texts: that show what goes into them, where the recipe's allocation asks.
        on_step: hears what is looked at next.
    """
    pattern = Pattern.parse(layers.pattern)
    sparsity = pattern.sparsity(layers.sparsity)
    if layers.allocation is Allocation.UNIFORM:
        return np.full(len(places), sparsity)
    weights = [checkpoint.matrix(*place)[0] for place in places]
    if layers.allocation is Allocation.ERK:
        return erk([weight.shape for weight in weights], sparsity)
    outliers, errors, costs = [], [], []
    levels = sorted({*LEVELS, sparsity})
    for place, weight in zip(places, weights, strict=True):
        on_step(f"looking at layer {place[0]}, {place[1]}")
        inputs = network.inputs_of(*place, texts)
        if layers.allocation is Allocation.OWL:
            outliers.append(outlier_share(wanda(weight, inputs)))
            continue
        n_matrices = len(checkpoint.names(*place)[0])
        pruned = [
            prune(
                *(weight, inputs, Method.SPARSE_GPT, pattern, level, []),
                n_matrices=n_matrices,
            )
            for level in levels
        ]
        whole = output_size(weight, inputs.products)
        errors.append([output_size(one - weight, inputs.products) / whole for one in pruned])
        costs.append([min(blocks_us(one), dense_us(one)) for one in pruned])
    if layers.allocation is Allocation.OWL:
        return owl(outliers, [weight.size for weight in weights], sparsity)
    chosen = knapsack(np.array(errors), np.array(costs), levels.index(sparsity))
    return np.array([levels[level] for level in chosen])
