"""Which weights does a network do without at a step? More and more of the smallest ones.

    sparsity(step) = target * (1 - (1 - step / last)^3)  until step `last`, then the target

That removes fast while much is superfluous, and slowly in the end. What is removed stays zero: of
all weights it is the smallest. So a mask follows from the weights and the step, and a training that
goes on from a checkpoint finds the masks that it had.

Paper: M. Zhu, S. Gupta, "To prune, or not to prune: exploring the efficacy of pruning for model
compression", 2017, equation 1, from a sparsity of 0 on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from transformers import TrainerCallback

from lsr.compression import Pattern
from lsr.compression.scores import magnitude

Progress = Callable[[int], float]
"""Share of its target that a matrix loses at a step, from 0."""


def cubic(last: int, every: int) -> Progress:
    """Return the schedule above, which changes only every so many steps.

    Args:
        last: step from which the whole target is removed.
        every: steps between two changes before.
    """

    def progress(step: int) -> float:
        if step >= last:
            return 1.0
        return float(1 - (1 - step // every * every / last) ** 3)

    return progress


class PrunedMatrices(TrainerCallback):
    """Keeps what is removed of some matrices at zero.

    Args:
        targets: matrices, shape (n_rows, n_columns), and what each is to lose.
        pattern: what is removed together.
        progress: of the removal; None to keep the zeros that are there.
    """

    def __init__(
        self,
        targets: Sequence[tuple[torch.nn.Parameter, float]],
        pattern: Pattern,
        progress: Progress | None,
    ) -> None:
        self._targets = targets
        self._pattern = pattern
        self._progress = progress
        self._done: float | None = None
        self._kept: list[torch.Tensor] = []

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Choose masks, where the step has others than the one before."""
        done = 1.0 if self._progress is None else self._progress(state.global_step)
        if done != self._done:
            self._done = done
            self._kept = [self._mask(matrix, done * target) for matrix, target in self._targets]
            self._apply()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take back what the optimizer has made of zeros."""
        self._apply()

    def _mask(self, matrix: torch.nn.Parameter, sparsity: float) -> torch.Tensor:
        weight = matrix.detach().cpu().numpy()
        is_chosen_before = self._progress is None
        kept = weight != 0 if is_chosen_before else self._pattern.kept(magnitude(weight), sparsity)
        return torch.from_numpy(kept.astype(np.float32)).to(matrix.device)

    def _apply(self) -> None:
        with torch.no_grad():
            for (matrix, _), kept in zip(self._targets, self._kept, strict=True):
                matrix.mul_(kept)
