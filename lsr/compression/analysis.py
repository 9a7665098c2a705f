"""Where does a model spend its time, and what of it can be removed? Matrix by matrix.

Each matrix of the layers alone is pruned in 4x1 blocks by SparseGPT, at several shares, while the
others stay. What that does to its outputs is known from the statistics of its inputs: with
differences D and products X X^T, the error is ``trace(D X X^T D^T)``. What it does to the texts is
seen in their number of terms. The times are those of the kernels, dense and in blocks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lsr.compression.calibrated_network import PARTS, CalibratedNetwork
from lsr.compression.checkpoint import Checkpoint
from lsr.compression.patterns import Pattern
from lsr.compression.pruning import prune
from lsr.compression.recipe import Method
from lsr.compression.scores import Doubles, Floats
from lsr.encoders.tokenization import TokenizedText
from lsr.kernels.transformer import (
    active_terms,
    multiply,
    multiply_blocks,
    new_activations,
    pack_blocks,
    pack_head,
    pack_matrix,
)

SHARES = (0.5, 0.7, 0.8, 0.9)
N_TOKENS = 128
TIMED_RUNS = 10
PATTERN = Pattern(4)

HEAD = "vocabulary"


@dataclass(frozen=True, slots=True)
class Pruned:
    """One matrix with a share of its blocks removed.

    Attributes:
        share: that was removed.
        microseconds: of a product with `N_TOKENS` tokens.
        error: of its outputs, in parts of their size (squares of both).
        terms: mean terms of a document, in parts of what it has with nothing removed.
    """

    share: float
    microseconds: float
    error: float
    terms: float


@dataclass(frozen=True, slots=True)
class MatrixAnalysis:
    """One matrix of a model.

    Attributes:
        name: layer and part, or `HEAD`.
        n_rows: of the matrix.
        n_columns: of the matrix.
        work: its share of all multiplications.
        microseconds: of the dense product with `N_TOKENS` tokens; of `HEAD` with maximum and rows.
        pruned: at each of `SHARES`; empty for `HEAD`, of which terms are dropped instead.
    """

    name: str
    n_rows: int
    n_columns: int
    work: float
    microseconds: float
    pruned: tuple[Pruned, ...]


def analyze(
    checkpoint: Checkpoint,
    network: CalibratedNetwork,
    texts: Sequence[TokenizedText],
    *,
    shares: Sequence[float] = SHARES,
    on_step: Callable[[str], None] = lambda _: None,
) -> list[MatrixAnalysis]:
    """Measure every matrix of a model.

    Args:
        checkpoint: the model's tensors.
        network: of the same model.
        texts: of the kind that will be encoded.
        shares: of the blocks to remove.
        on_step: hears what is measured next.
    """
    head = checkpoint.vocabulary()
    before = _mean_terms(network, head, texts)
    names = [(layer, part) for layer in range(network.n_layers) for part in PARTS]
    sizes = [checkpoint.matrix(*name)[0].size for name in names]
    total = sum(sizes) + head[0].size + head[0].shape[1] ** 2
    found = []
    for (layer, part), size in zip(names, sizes, strict=True):
        on_step(f"layer {layer}, {part}")
        weight, bias = checkpoint.matrix(layer, part)
        inputs = network.inputs_of(layer, part, texts)
        pruned = []
        for share in shares:
            left = prune(
                *(weight, inputs, Method.SPARSE_GPT, PATTERN, share, []),
                n_matrices=len(checkpoint.names(layer, part)[0]),
            )
            moved = bias + ((weight - left) @ inputs.means).astype(np.float32)
            network.replace(layer, part, left, moved)
            terms = _mean_terms(network, head, texts) / max(before, 1e-12)
            whole = output_size(weight, inputs.products)
            error = output_size(left - weight, inputs.products) / whole
            pruned.append(Pruned(share, blocks_us(left), error, terms))
        network.replace(layer, part, weight, bias)
        found.append(
            MatrixAnalysis(
                name=f"{layer}.{part}",
                n_rows=weight.shape[0],
                n_columns=weight.shape[1],
                work=size / total,
                microseconds=dense_us(weight),
                pruned=tuple(pruned),
            )
        )
    n_terms, width = head[0].shape
    us = _head_us(*head)
    return [*found, MatrixAnalysis(HEAD, n_terms, width, head[0].size / total, us, ())]


def _mean_terms(
    network: CalibratedNetwork, head: tuple[Floats, Floats], texts: Sequence[TokenizedText]
) -> float:
    return float((network.largest_logits(*head, texts) > 0).sum(axis=1).mean())


def output_size(weight: Floats, products: Doubles) -> float:
    """Return the sum of squares of what a matrix gives for inputs of these products."""
    return float(np.sum((weight.astype(np.float64) @ products) * weight))


def _tokens(n_features: int) -> Floats:
    x = new_activations(n_features, N_TOKENS)
    x[:] = np.random.default_rng(0).standard_normal(x.shape)
    return x


def dense_us(weight: Floats) -> float:
    """Return the microseconds of a product with `N_TOKENS` tokens, of the whole matrix."""
    matrix, x = pack_matrix(weight), _tokens(weight.shape[1])
    out = new_activations(weight.shape[0], N_TOKENS)
    return _fastest_us(lambda: multiply(matrix, x, out))


def blocks_us(weight: Floats) -> float:
    """Return the microseconds of a product with `N_TOKENS` tokens, in blocks."""
    matrix, x = pack_blocks(weight), _tokens(weight.shape[1])
    out = new_activations(weight.shape[0], N_TOKENS)
    return _fastest_us(lambda: multiply_blocks(matrix, x, out))


def _head_us(rows: Floats, bias: Floats) -> float:
    head, x = pack_head(rows, bias), _tokens(rows.shape[1])
    starts = np.array([0, N_TOKENS], dtype=np.int64)
    return _fastest_us(lambda: active_terms(head, x, starts))


def _fastest_us(product: Callable[[], object]) -> float:
    product()
    seconds = []
    for _ in range(TIMED_RUNS):
        started = time.perf_counter()
        product()
        seconds.append(time.perf_counter() - started)
    return 1e6 * min(seconds)
