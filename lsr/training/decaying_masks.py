"""How is a weight removed little by little? The network computes with less and less of it.

    share of a removed weight at a step = 1 - step / last

All that is to go is removed from the first step on, but fades, so that gradients reach it and the
others have time. Which weights these are is decided anew at each step.

Paper: A. Bambhaniya et al., "Progressive Gradient Flow for Robust N:M Sparsity Training in
Transformers", 2024 (mask decay, linear).
"""

from __future__ import annotations

from lsr.training.returning_weights import ReturningWeights


class DecayingMasks(ReturningWeights):
    """Fades removed weights out."""

    def share_removed(self, step: int) -> float:
        """Return the share of its target that each matrix loses: all."""
        return 1.0

    def share_there(self, step: int) -> float:
        """Return what part of a removed weight is still computed with."""
        return 1 - step / self._last
