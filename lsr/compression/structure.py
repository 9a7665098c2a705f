"""Which layers, heads and neurons can go whole? What is left is smaller, and no less dense.

First layers, those that change least what passes them; what came in is passed on instead, moved by
the mean of the change, which the layer norm before can add. Then, layer by layer, with what comes
out of the smaller ones before it, heads and neurons: those whose removal costs the outputs of `out`
and `down` least, after what is left was fitted anew (`lsr.compression.columns`).

Fewer layers and fewer neurons, in all layers alike, are a smaller model by its configuration. No
configuration says that a layer has fewer heads of the same size, so these leave zeros: in rows of
queries, keys and values, and in columns of what reads them, all in blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lsr.compression.calibrated_network import CalibratedNetwork
from lsr.compression.checkpoint import Checkpoint
from lsr.compression.columns import Numbers, columns_of, kept_groups, refitted
from lsr.compression.patterns import BLOCK_ROWS
from lsr.compression.recipe import Structure
from lsr.compression.scores import Floats, InputStatistics
from lsr.compression.work_folder import keep
from lsr.encoders.tokenization import TokenizedText
from lsr.errors import ConfigError


def refuse_too_much(structure: Structure, checkpoint: Checkpoint) -> None:
    """Refuse to remove what a model does not have, or needs.

    Raises:
        ConfigError: as above.
    """
    parts = (
        ("layers of a model", structure.layers, checkpoint.n_layers),
        ("attention heads of layers", structure.heads, checkpoint.n_heads),
    )
    for what, n_gone, n_there in parts:
        if n_gone >= n_there:
            raise ConfigError(
                f"The recipe removes {n_gone} {what} of {n_there}; leave at least one."
            )


@dataclass(frozen=True, slots=True)
class Remover:
    """Removes parts of a model.

    Attributes:
        structure: how many of what.
        seed: of what is removed by chance.
        texts: that show what each part does.
        work: folder where each finished step is kept.
        on_step: hears what is done next.
    """

    structure: Structure
    seed: int
    texts: Sequence[TokenizedText]
    work: Path
    on_step: Callable[[str], None]

    def remove_layers(self, checkpoint: Checkpoint, network: CalibratedNetwork) -> list[int]:
        """Take layers out of a checkpoint, and return the numbers of those that went."""
        n_layers, n_gone = checkpoint.n_layers, self.structure.layers
        self.on_step(f"choosing {n_gone} of {n_layers} layers to remove")
        influence, means = network.influence(self.texts)
        if self.structure.at_random:
            influence = self._by_chance(0).random(n_layers)
        order: list[int] = np.argsort(influence, kind="stable").tolist()
        checkpoint.keep_layers(sorted(order[n_gone:]), means)
        return sorted(order[:n_gone])

    def shrink_layer(
        self, checkpoint: Checkpoint, network: CalibratedNetwork, layer: int
    ) -> tuple[list[int], int]:
        """Take heads and neurons out of a layer.

        Returns:
            The numbers of the heads that went, and how many neurons.
        """
        some = (checkpoint, network, layer)
        heads = self._remove_heads(*some) if self.structure.heads else []
        return heads, self._remove_neurons(*some) if self.structure.neurons else 0

    def _remove_heads(
        self, checkpoint: Checkpoint, network: CalibratedNetwork, layer: int
    ) -> list[int]:
        """Put zeros in the place of heads of a layer, and return the numbers of those that went."""
        n_heads, n_gone = checkpoint.n_heads, self.structure.heads
        qkv, qkv_bias = checkpoint.matrix(layer, "qkv")
        out, out_bias = checkpoint.matrix(layer, "out")
        width = out.shape[1] // n_heads
        file = self.work / f"{layer}.heads.npz"
        if not file.is_file():
            self.on_step(f"layer {layer}: removing {n_gone} of {n_heads} heads")
            inputs = network.inputs_of(layer, "out", self.texts)
            kept = self._kept(out, inputs, width, n_gone, layer)
            weight, bias = self._left(out, out_bias, inputs, columns_of(kept, width))
            keep(file, kept=kept, weight=weight, bias=bias)
        with np.load(file) as found:
            kept, weight, bias = found["kept"], found["weight"], found["bias"]
        columns = columns_of(kept, width)
        is_kept = np.isin(np.arange(out.shape[1]), columns)
        rows = np.tile(is_kept, 3)
        changed = {
            "qkv": (qkv * rows[:, None], qkv_bias * rows),
            "out": (_spread(weight, columns, out), bias),
        }
        for part, matrix in changed.items():
            network.replace(layer, part, *matrix)
            checkpoint.change_matrix(layer, part, *matrix)
        gone: list[int] = np.setdiff1d(np.arange(n_heads), kept).tolist()
        return gone

    def _remove_neurons(
        self, checkpoint: Checkpoint, network: CalibratedNetwork, layer: int
    ) -> int:
        """Take neurons out of a layer, and return how many went."""
        up, up_bias = checkpoint.matrix(layer, "up")
        down, down_bias = checkpoint.matrix(layer, "down")
        n_neurons: int = down.shape[1]
        n_blocks = max(1, round(n_neurons * (1 - self.structure.neurons) / BLOCK_ROWS))
        n_gone = max(0, n_neurons - n_blocks * BLOCK_ROWS)
        file = self.work / f"{layer}.neurons.npz"
        if not file.is_file():
            self.on_step(f"layer {layer}: removing {n_gone} of {n_neurons} neurons")
            inputs = network.inputs_of(layer, "down", self.texts)
            kept = self._kept(down, inputs, 1, n_gone, layer)
            weight, bias = self._left(down, down_bias, inputs, kept)
            keep(file, kept=kept, weight=weight, bias=bias)
        with np.load(file) as found:
            kept, weight, bias = found["kept"], found["weight"], found["bias"]
        is_kept = np.isin(np.arange(n_neurons), kept)
        # The network stays as wide while it is watched.
        network.replace(layer, "up", up * is_kept[:, None], up_bias * is_kept)
        network.replace(layer, "down", _spread(weight, kept, down), bias)
        checkpoint.keep_neurons(layer, kept, weight, bias)
        return n_gone

    def _kept(
        self, weight: Floats, inputs: InputStatistics, width: int, n_gone: int, layer: int
    ) -> Numbers:
        if self.structure.at_random:
            order = self._by_chance(layer, width).permutation(weight.shape[1] // width)
            return np.sort(order[n_gone:])
        return kept_groups(weight, inputs, width, n_gone)[0]

    def _left(
        self, weight: Floats, bias: Floats, inputs: InputStatistics, kept: Numbers
    ) -> tuple[Floats, Floats]:
        """Return what is left of a matrix; of what went by chance, the bias takes the mean."""
        if not self.structure.at_random:
            return refitted(weight, bias, inputs, kept)
        gone = np.setdiff1d(np.arange(weight.shape[1]), kept)
        moved = weight[:, gone] @ inputs.means[gone]
        return weight[:, kept], bias + moved.astype(np.float32)

    def _by_chance(self, *of: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *of])


def _spread(weight: Floats, columns: Numbers, like: Floats) -> Floats:
    """Return a matrix of the shape of `like` that has these columns, and zeros."""
    whole = np.zeros_like(like)
    whole[:, columns] = weight
    return whole
