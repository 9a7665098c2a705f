"""Which lambda makes vectors as sparse as wanted? Steered while the model is trained.

A controller multiplies the lambdas of a side with a factor, so that the measured number follows a
path, on a logarithmic scale, from where it begins to the target at the end of the training:

    path(step) = target * (first / target) ^ (1 - learned(step))
    error = log(measured, smoothed) - log path(step)
    log factor = START + PROPORTIONAL * (error + DERIVATIVE * (error - error, smoothed more)
                                         + sum of error / integral time)

Vectors do not answer to lambda with a number of terms but with a speed: terms die at a pace that
lambda and the learning rate set. Where little is learned in a step they hardly come back, and most
losses kill some by themselves, without any penalty. So a target that is reached early is passed,
whatever lambda does then; and while the distance is large, lambda grows to what makes vectors fall.
On a path that arrives with the last step, errors stay small, and what the losses do counts as part
of the way.

Vectors also answer late, since optimizers average gradients. So lambda begins low, where one that
was given far too high does no harm yet, and it gives way as soon as the error shrinks fast. Where
much is learned in a step, losses bring terms back as soon as lambda lets go: an answer to errors
that is too strong swings vectors about, so most of lambda comes from the sum of errors.
"""

from __future__ import annotations

import math
from typing import Any

from lsr.training.recipe import Decay

SMOOTHING = 0.9
"""Share of the last estimate that is kept: a batch's mean scatters by some percent."""

MORE_SMOOTHING = 0.95
"""The same of errors, to tell where they are going."""

START = -3.0
"""Logarithm of the factor that the training begins with."""

PROPORTIONAL = 12.0

DERIVATIVE = 2.0

INTEGRAL_SHARE = 0.1
"""The integral time, as a share of the training."""

LARGEST_ERROR = 1.0
"""Errors count up to a factor of e."""

LOG_FACTOR_LIMIT = math.log(1e6)


class SparsityTarget:
    """Steers the lambdas of a side to a target.

    Args:
        target: mean terms of a text, or FLOPS.
        n_steps: of the training.
        decay: how its learning rate falls.
    """

    def __init__(self, target: float, n_steps: int, decay: Decay = Decay.LINEAR) -> None:
        self.target = target
        self._n_steps = n_steps
        self._decay = decay
        self._n_observed = 0
        self._sum = START
        self._error = 0.0
        self._late_error = 0.0
        self._first: float | None = None
        self._smoothed: float | None = None

    @property
    def factor(self) -> float:
        """What lambdas are multiplied with."""
        ahead = DERIVATIVE * (self._error - self._late_error)
        wanted = self._sum + PROPORTIONAL * (self._error + ahead)
        return math.exp(_limited(wanted, LOG_FACTOR_LIMIT))

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
        path = self._first * (1 - learned(self._n_observed / self._n_steps, self._decay))
        self._error = _limited(self._smoothed - path, LARGEST_ERROR)
        self._late_error = MORE_SMOOTHING * self._late_error + (1 - MORE_SMOOTHING) * self._error
        rise = PROPORTIONAL * self._error / (INTEGRAL_SHARE * self._n_steps)
        self._sum = _limited(self._sum + ramp * rise, LOG_FACTOR_LIMIT)

    def state(self) -> dict[str, Any]:
        """Return JSON values from which `restore` goes on."""
        return {
            "n_observed": self._n_observed,
            "sum": self._sum,
            "error": self._error,
            "late_error": self._late_error,
            "first": self._first,
            "smoothed": self._smoothed,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._n_observed, self._sum = state["n_observed"], state["sum"]
        self._error, self._late_error = state["error"], state["late_error"]
        self._first, self._smoothed = state["first"], state["smoothed"]


def learned(share: float, decay: Decay) -> float:
    """Return the share of a training's learning that is done: the sum of learning rates so far.

    Args:
        share: of the steps that are done.
        decay: how the learning rate falls; its warm-up is left out.
    """
    if decay is Decay.LINEAR:
        return 1 - (1 - share) ** 2
    return share + math.sin(math.pi * share) / math.pi if decay is Decay.COSINE else share


def _limited(value: float, limit: float) -> float:
    return min(max(value, -limit), limit)
