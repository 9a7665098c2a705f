"""What becomes of a removed weight that may still come back? It goes on being learned.

`PrunedMatrices` removes for good: a weight that is zero stays so. Here the network computes with
what is left, but the optimizer changes all weights, each by the gradient that it has where the
others are removed (straight-through). So a removed weight may outgrow one that is left, and take
its place at the next step. After the last step of that, what is removed is removed for good, and
the rest of the training is that of `PrunedMatrices`. Masks follow from weights and step here too.

Left alone, removed weights wander, and masks with them. The three ways to hold them are SR-STE
(sr_ste.py), decaying masks (decaying_masks.py) and late decay (late_decay.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from lsr.compression import Pattern
from lsr.training.gradual_masks import Progress, PrunedMatrices


class ReturningWeights(PrunedMatrices):
    """Lets removed weights of some matrices come back until a step.

    Args:
        targets: as `PrunedMatrices` has them.
        pattern: what is removed together.
        progress: of the removal.
        last: step from which what is removed is removed for good.
    """

    def __init__(
        self,
        targets: Sequence[tuple[torch.nn.Parameter, float]],
        pattern: Pattern,
        progress: Progress,
        last: int,
    ) -> None:
        super().__init__(targets, pattern, progress)
        self._last = last
        self._returning: list[tuple[torch.nn.Parameter, torch.Tensor, torch.Tensor]] = []
        """Matrices, their whole values, 1 where removed; none once that is for good."""

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Choose masks, and let the network compute with what is left."""
        step = state.global_step
        self._returning = []
        if step >= self._last:
            super().on_step_begin(args, state, control, **kwargs)
            return
        removed, there = self.share_removed(step), self.share_there(step)
        with torch.no_grad():
            for matrix, target in self._targets:
                gone = 1 - self._mask(matrix, removed * target)
                self._returning.append((matrix, matrix.clone(), gone))
                matrix.mul_(1 - gone + there * gone)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Give the optimizer all weights back."""
        with torch.no_grad():
            for matrix, whole, gone in self._returning:
                matrix.copy_(whole)
                self.before_update(matrix, gone)

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Change removed weights further, after the optimizer has."""
        with torch.no_grad():
            for matrix, _, gone in self._returning:
                self.after_update(matrix, gone, state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take back what the optimizer has made of zeros, once they are there for good."""
        if not self._returning:
            super().on_step_end(args, state, control, **kwargs)

    def share_removed(self, step: int) -> float:
        """Return the share of its target that each matrix loses at a step."""
        assert self._progress is not None
        return self._progress(step)

    def share_there(self, step: int) -> float:
        """Return what part of a removed weight is computed with at a step."""
        return 0.0

    def before_update(self, matrix: torch.nn.Parameter, gone: torch.Tensor) -> None:
        """Change the gradient of removed weights.

        Args:
            matrix: with its gradient.
            gone: 1 where a weight is removed, else 0.
        """

    def after_update(self, matrix: torch.nn.Parameter, gone: torch.Tensor, step: int) -> None:
        """Change removed weights.

        Args:
            matrix: as the optimizer left it.
            gone: 1 where a weight was removed, else 0.
            step: that is being made, from 0.
        """
