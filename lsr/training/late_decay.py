"""What draws all removed weights to zero alike? A decay after the optimizer's step, as AST has it.

    removed weight w  *=  1 - rate(step)

A decay in the gradient is divided by the root of the gradient's mean square, as all of it is, so
that weights of large gradients are hardly drawn. After that division all are drawn alike. The rate
rises for a quarter of the steps. It is the paper's, 1e-4 for 40,000 steps, in as many as there are.

Paper: W. Huang et al., "Pruning Large Language Models with Semi-Structural Adaptive Sparse
Training" (AST), AAAI 2025, section 3.
"""

from __future__ import annotations

import torch

from lsr.training.returning_weights import ReturningWeights

TOTAL = 4.0
"""Sum of the rates of all steps, were they all the highest one."""

RISE = 0.25
"""Share of the steps in which the rate rises."""


class LateDecay(ReturningWeights):
    """Draws removed weights to zero after the optimizer's step."""

    def after_update(self, matrix: torch.nn.Parameter, gone: torch.Tensor, step: int) -> None:
        """Make them smaller."""
        matrix.mul_(1 - self.rate(step) * gone)

    def rate(self, step: int) -> float:
        """Return how much of a removed weight a step takes; never more than all."""
        return min(1.0, TOTAL / self._last * min(1.0, step / (RISE * self._last)))
