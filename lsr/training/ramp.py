"""How does a penalty begin? Its lambda rises as the square of the optimizer step.

    lambda(step) = lambda * min(1, step / ramp_steps)^2,  step = 1, 2, 3, ...

It is computed from the step alone and remembers nothing, so that a resumed training goes on where
it was.

Paper: T. Formal et al., "SPLADE: Sparse Lexical and Expansion Model for First Stage Ranking",
SIGIR 2021, section 4.1, after Paria et al., 2020.
"""

from __future__ import annotations


def ramp(step: int, ramp_steps: int) -> float:
    """Return what lambda is multiplied with.

    Args:
        step: optimizer step that is being made, from 1.
        ramp_steps: steps until the whole lambda; 0 for the whole from the first step on.
    """
    return 1.0 if step >= ramp_steps else (step / ramp_steps) ** 2
