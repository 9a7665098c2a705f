import json
import math

import numpy as np
import pytest

from lsr.training.sparsity_target import SparsityTarget

N_STEPS = 600


def steered(pace: float, balance: float, delay: int, n_steps: int, seed: int) -> list[float]:
    """Return the terms of a model while it is steered from 300 to 100.

    They grow or die at a pace that lambda's distance from where it balances the losses sets, which
    falls with the learning rate, and a term that died comes back half as fast.

    Args:
        pace: of the logarithm of terms, for each step and power of e of lambda.
        balance: logarithm of the factor at which terms stay.
        delay: steps until vectors answer.
        n_steps: of the training.
        seed: of the scatter of batches.
    """
    rng = np.random.default_rng(seed)
    controller = SparsityTarget(100, n_steps)
    terms, factors, seen = 300.0, [0.0] * delay, []
    for step in range(n_steps):
        factors.append(math.log(controller.factor))
        excess = factors[-delay - 1] - balance
        speed = pace * excess * (1 if excess > 0 else 0.5) * (1 - step / n_steps)
        terms *= math.exp(-min(max(speed, -0.02), 0.02))
        controller.observe(terms * math.exp(0.08 * rng.normal()), 1.0)
        seen.append(terms)
    return seen


@pytest.mark.parametrize(("pace", "n_steps"), [(0.001, 6000), (0.005, 600), (0.01, 600)])
@pytest.mark.parametrize("balance", [-2.0, 0.0, 3.0])
@pytest.mark.parametrize("delay", [0, 5])
def test_comes_within_five_percent_of_the_target(
    pace: float, n_steps: int, balance: float, delay: int
) -> None:
    seen = steered(pace, balance, delay, n_steps, seed=1)

    assert np.mean(seen[-n_steps // 10 :]) == pytest.approx(100, rel=0.05)
    assert min(seen) > 85


def test_asks_for_more_when_there_are_too_many_and_less_when_too_few() -> None:
    above, below = SparsityTarget(10, N_STEPS), SparsityTarget(10, N_STEPS)
    for _ in range(50):
        above.observe(30, 1.0)
        below.observe(3, 1.0)

    assert above.factor > 1 > below.factor


def test_hardly_learns_while_the_ramp_holds_lambda_back() -> None:
    early, late = SparsityTarget(10, N_STEPS), SparsityTarget(10, N_STEPS)
    for _ in range(20):
        early.observe(100, 0.001)
        late.observe(100, 1.0)

    assert early.state()["sum"] < 0.01 * late.state()["sum"]


def test_goes_on_from_its_state() -> None:
    first, second = SparsityTarget(10, N_STEPS), SparsityTarget(10, N_STEPS)
    for terms in (40, 35, 20):
        first.observe(terms, 0.5)

    second.restore(json.loads(json.dumps(first.state())))
    for one in (first, second):
        one.observe(15, 1.0)

    assert first.factor == second.factor
    assert first.state() == second.state()


def test_vanished_vectors_are_survived() -> None:
    controller = SparsityTarget(10, N_STEPS)
    for _ in range(10_000):
        controller.observe(0, 1.0)

    assert controller.factor > 0
