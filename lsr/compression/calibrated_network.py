"""What goes into each matrix of a network when it reads texts? Counted on the native backend.

Matrices are pruned in the order in which texts pass them, each with what comes out of the pruned
ones before it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.compression.scores import Doubles, Floats, InputStatistics
from lsr.encoders.layouts import TowerFiles
from lsr.encoders.method import VocabularyWeighting
from lsr.encoders.native import load_native_network, why_unsupported
from lsr.encoders.native.layers import Dense, Float32Dense, Layer
from lsr.encoders.precision import Precision
from lsr.encoders.tokenization import TokenizedText
from lsr.errors import UnsupportedModelError
from lsr.kernels.transformer import Activation, pack_matrix

PARTS = ("qkv", "out", "up", "down")
"""Matrices of a layer, in the order in which texts pass them."""

BATCH_TEXTS = 32


class _Recorder:
    """A dense layer that counts its inputs."""

    def __init__(self, dense: Dense) -> None:
        self.dense = dense
        self.n_tokens = 0
        self.inputs: InputStatistics | None = None

    def __call__(
        self,
        x: Floats,
        out: Floats,
        activation: Activation = Activation.NONE,
        residual: Floats | None = None,
    ) -> None:
        self.inputs = self.inputs or InputStatistics(x.shape[0])
        self.inputs.add(x[:, : self.n_tokens])
        self.dense(x, out, activation, residual)


class _States:
    """What passes between layers, and how much each layer changes it."""

    def __init__(self, n_layers: int, size: int) -> None:
        self.similarity = np.zeros(n_layers)
        self.totals = np.zeros((n_layers + 1, size))
        self.n_tokens = 0
        self._before = np.empty((size, 0), dtype=np.float32)

    def seen(self, number: int, dense: Dense) -> Dense:
        """Return the dense layer that reads the state after `number` layers, watched."""

        def watched(
            x: Floats,
            out: Floats,
            activation: Activation = Activation.NONE,
            residual: Floats | None = None,
        ) -> None:
            self._see(number, x[:, : self.n_tokens])
            dense(x, out, activation, residual)

        return watched

    def _see(self, number: int, x: Floats) -> None:
        self.totals[number] += x.sum(axis=1, dtype=np.float64)
        if number:
            lengths = np.linalg.norm(self._before, axis=0) * np.linalg.norm(x, axis=0)
            self.similarity[number - 1] += ((self._before * x).sum(axis=0) / lengths).sum()
        self._before = x.copy()


class CalibratedNetwork:
    """A model on the native backend whose matrices can be watched and replaced.

    Args:
        files: of the model.

    Raises:
        UnsupportedModelError: the native backend does not run the model.
    """

    def __init__(self, files: TowerFiles) -> None:
        self._network = load_native_network(files, weighting_of(files), Precision.FLOAT32)

    @property
    def n_layers(self) -> int:
        """Layers of the transformer."""
        return len(self._network.layers)

    def inputs_of(self, layer: int, part: str, texts: Sequence[TokenizedText]) -> InputStatistics:
        """Return what goes into the matrix `part`, of `PARTS`, of a layer.

        Args:
            layer: its number.
            part: of `PARTS`.
            texts: that are read; none is without tokens, one at least.
        """
        own = self._network.layers[layer]
        recorder = _Recorder(getattr(own, part))
        self._network.layers[layer] = _with_part(own, part, recorder)
        for batch in _batches(texts):
            recorder.n_tokens = sum(text.ids.size for text in batch)
            self._network.hidden_states(batch)
        self._network.layers[layer] = own
        assert recorder.inputs is not None
        return recorder.inputs

    def influence(self, texts: Sequence[TokenizedText]) -> tuple[Doubles, Doubles]:
        """Return how much each layer changes what passes it, and what that is in the mean.

        Args:
            texts: that are read; none is without tokens, one at least.

        Returns:
            The mean of 1 minus the cosine of a token's state before and after each layer, shape
            (n_layers,), which X. Men et al., "ShortGPT: Layers in Large Language Models are More
            Redundant Than You Expect", 2024, call block influence; and the mean state before the
            first layer and after each, shape (n_layers + 1, hidden size).
        """
        network, own, head = self._network, self._network.layers, self._network.head_dense
        states = _States(len(own), own[0].norm.gamma.size)
        network.layers = [
            replace(layer, qkv=states.seen(number, layer.qkv)) for number, layer in enumerate(own)
        ]
        network.head_dense = states.seen(len(own), head)
        for batch in _batches(texts):
            states.n_tokens = sum(text.ids.size for text in batch)
            network.hidden_states(batch)
        network.layers, network.head_dense = own, head
        n_tokens = sum(text.ids.size for text in texts)
        return 1 - states.similarity / n_tokens, states.totals / n_tokens

    def replace(self, layer: int, part: str, weight: Floats, bias: Floats) -> None:
        """Compute the matrix `part` of a layer with other weights from here on."""
        own = self._network.layers[layer]
        dense = Float32Dense(pack_matrix(weight, bias))
        self._network.layers[layer] = _with_part(own, part, dense)

    def largest_logits(
        self, rows: Floats, bias: Floats, texts: Sequence[TokenizedText]
    ) -> NDArray[np.float32]:
        """Return the largest logit of every term over the tokens of each text.

        Args:
            rows: of the vocabulary matrix, shape (n_terms, hidden size).
            bias: shape (n_terms,).
            texts: that are read.

        Returns:
            shape (n_texts, n_terms).
        """
        found = []
        for batch in _batches(texts):
            hidden, starts = self._network.hidden_states(batch)
            spans = itertools.pairwise(starts)
            found += [(rows @ hidden[:, begin:end]).max(axis=1) + bias for begin, end in spans]
        return np.array(found, dtype=np.float32)


def weighting_of(files: TowerFiles) -> VocabularyWeighting:
    """Return how a model weights terms, if the native backend runs it.

    Raises:
        UnsupportedModelError: it does not.
    """
    weighting = files.side.weighting
    if not isinstance(weighting, VocabularyWeighting):
        why: str | None = "its terms are not weighted by their logits"
    else:
        why = why_unsupported(files.config, weighting)
        if why is None:
            return weighting
    raise UnsupportedModelError(f"The model in {str(files.folder)!r} cannot be compressed: {why}.")


def _with_part(layer: Layer, part: str, dense: Dense) -> Layer:
    changes: Any = {part: dense}
    return replace(layer, **changes)


def _batches(texts: Sequence[TokenizedText]) -> Iterator[Sequence[TokenizedText]]:
    for first in range(0, len(texts), BATCH_TEXTS):
        yield texts[first : first + BATCH_TEXTS]
