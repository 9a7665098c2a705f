"""Which lambda makes vectors as sparse as wanted? Steered while the model is trained.

A controller multiplies the lambdas of a side with a factor, whose logarithm follows how far the
measured number is from the target, on a logarithmic scale:

    error = log(measured / target), smoothed
    log factor = sum of INTEGRAL * error over the steps in which the error did not shrink
                 + PROPORTIONAL * error

The sum finds the factor, however many orders of magnitude away; what is proportional lets go of
lambda as the target comes near. Vectors answer to lambda late, over hundreds of steps. So nothing
is added while the error shrinks by itself: what was added on the way would carry vectors far beyond
the target, and terms that are lost come back slowly.
"""

from __future__ import annotations

import math
from typing import Any

SMOOTHING = 0.9
"""Share of the last estimate that is kept: a batch's mean scatters by some percent."""

SLOW_SMOOTHING = 0.98
"""The same of the estimate that tells whether the error shrinks."""

FAST_ENOUGH = 1.2
"""How far the slow estimate, some 40 steps behind, must be off more than the fast one for the error
to count as shrinking: it then halves within some 150 steps."""

INTEGRAL = 0.02
PROPORTIONAL = 3.0
LARGEST_ERROR = 1.0
"""Errors count up to a factor of e."""

LOG_FACTOR_LIMIT = math.log(1e6)


class SparsityTarget:
    """Steers the lambdas of a side to a target.

    Args:
        target: mean terms of a text, or FLOPS.
    """

    def __init__(self, target: float) -> None:
        self.target = target
        self._sum = 0.0
        self._error: float | None = None
        self._slow_error: float | None = None

    @property
    def factor(self) -> float:
        """What lambdas are multiplied with."""
        return math.exp(_limited(self._sum + PROPORTIONAL * (self._error or 0.0), LOG_FACTOR_LIMIT))

    def observe(self, measured: float, ramp: float) -> None:
        """Take note of what a batch's vectors were.

        Args:
            measured: mean terms of a text, or FLOPS.
            ramp: share of lambda that was in force: little is learned of it before the ramp ends.
        """
        error = _limited(math.log(max(measured, 1e-3) / self.target), LARGEST_ERROR)
        self._error = _smoothed(self._error, error, SMOOTHING)
        self._slow_error = _smoothed(self._slow_error, error, SLOW_SMOOTHING)
        shrinks = self._error * self._slow_error > 0 and (
            abs(self._slow_error) > FAST_ENOUGH * abs(self._error)
        )
        if not shrinks:
            self._sum = _limited(self._sum + INTEGRAL * ramp * self._error, LOG_FACTOR_LIMIT)

    def state(self) -> dict[str, Any]:
        """Return JSON values from which `restore` goes on."""
        return {"sum": self._sum, "error": self._error, "slow_error": self._slow_error}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._sum = state["sum"]
        self._error, self._slow_error = state["error"], state["slow_error"]


def _smoothed(before: float | None, now: float, kept: float) -> float:
    return now if before is None else kept * before + (1 - kept) * now


def _limited(value: float, limit: float) -> float:
    return min(max(value, -limit), limit)
