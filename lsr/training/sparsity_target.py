"""Which lambda makes vectors as sparse as wanted? Steered while the model is trained.

A controller multiplies the lambdas of a side with a factor, so that the measured number follows a
path, on a logarithmic scale, from where it begins to the target:

    path(step) = target * (first / target) ^ exp(-step / time),  time = steps / PATHS
    error = log(measured, smoothed) - log path(step)
    log factor = PROPORTIONAL * (error + sum of error / time)

Vectors do not answer to lambda with a number of terms but with a speed: while lambda outweighs the
losses, terms go on dying, at a pace that the learning rate sets. Held against the target itself,
the error is large for hundreds of steps, and the sum grows to a lambda that makes vectors fall; it
is far too high once they are there. Held against a path that slows down as it nears the target, the
error stays small, and lambda is already the one that keeps vectors in place when they arrive.
"""

from __future__ import annotations

import math
from typing import Any

SMOOTHING = 0.9
"""Share of the last estimate that is kept: a batch's mean scatters by some percent."""

PROPORTIONAL = 7.0

PATHS = 6
"""The path comes within a factor of first ^ exp(-6 / 2) of the target halfway through a training,
which leaves the second half, where learning rates are low, to stay there."""

LARGEST_ERROR = 1.0
"""Errors count up to a factor of e."""

LOG_FACTOR_LIMIT = math.log(1e6)


class SparsityTarget:
    """Steers the lambdas of a side to a target.

    Args:
        target: mean terms of a text, or FLOPS.
        n_steps: of the training.
    """

    def __init__(self, target: float, n_steps: int) -> None:
        self.target = target
        self._time = n_steps / PATHS
        self._n_observed = 0
        self._sum = 0.0
        self._error = 0.0
        self._first: float | None = None
        self._smoothed: float | None = None

    @property
    def factor(self) -> float:
        """What lambdas are multiplied with."""
        return math.exp(_limited(self._sum + PROPORTIONAL * self._error, LOG_FACTOR_LIMIT))

    def observe(self, measured: float, ramp: float) -> None:
        """Take note of what a batch's vectors were.

        Args:
            measured: mean terms of a text, or FLOPS.
            ramp: share of lambda that was in force: little is learned of it before the ramp ends.
        """
        distance = math.log(max(measured, 1e-3) / self.target)
        if self._first is None or self._smoothed is None:
            self._first = self._smoothed = distance
        self._smoothed = SMOOTHING * self._smoothed + (1 - SMOOTHING) * distance
        self._n_observed += 1
        path = self._first * math.exp(-self._n_observed / self._time)
        self._error = _limited(self._smoothed - path, LARGEST_ERROR)
        rise = PROPORTIONAL / self._time * ramp * self._error
        self._sum = _limited(self._sum + rise, LOG_FACTOR_LIMIT)

    def state(self) -> dict[str, Any]:
        """Return JSON values from which `restore` goes on."""
        return {
            "n_observed": self._n_observed,
            "sum": self._sum,
            "error": self._error,
            "first": self._first,
            "smoothed": self._smoothed,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._n_observed, self._sum = state["n_observed"], state["sum"]
        self._error, self._first = state["error"], state["first"]
        self._smoothed = state["smoothed"]


def _limited(value: float, limit: float) -> float:
    return min(max(value, -limit), limit)
