"""Penalties that keep vectors sparse, or from vanishing; one idea a file.

All take the vectors of the whole batch of all processes, and none changes its meaning with the
size of the batch, with how many texts are encoded at a time, or with how many processes share it.
Keeping the k heaviest terms is no penalty but part of the model: `Side.prune`.
"""

from lsr.training.penalties.anti_zero import AntiZero
from lsr.training.penalties.flops import Flops, FlopsIdfInside, separate_flops
from lsr.training.penalties.l1 import L1

Penalty = Flops | FlopsIdfInside | L1 | AntiZero

__all__ = ["L1", "AntiZero", "Flops", "FlopsIdfInside", "Penalty", "separate_flops"]
