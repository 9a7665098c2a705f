"""What holds a mask still while removed weights may come back? A gradient that draws them to zero.

    gradient of a removed weight w  +=  DECAY * w

Without it the gradient of the others, of which a removed weight gets the same, makes masks flicker.

Paper: A. Zhou et al., "Learning N:M Fine-grained Structured Sparse Neural Networks From Scratch",
ICLR 2021 (SR-STE).
"""

from __future__ import annotations

import torch

from lsr.training.returning_weights import ReturningWeights

DECAY = 2e-4


class SrSte(ReturningWeights):
    """Draws removed weights to zero by their gradients."""

    def before_update(self, matrix: torch.nn.Parameter, gone: torch.Tensor) -> None:
        """Add what draws them."""
        if matrix.grad is not None:
            matrix.grad.add_(gone * matrix, alpha=DECAY)
