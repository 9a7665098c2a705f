import json
import math

import numpy as np
import pytest

from lsr.training.sparsity_target import SparsityTarget


def steered(target: float, start: float, slope: float, delay: int, seed: int) -> list[float]:
    """Return the terms of a model whose logarithm answers late to that of lambda, with noise."""
    rng = np.random.default_rng(seed)
    controller = SparsityTarget(target)
    terms, factors, seen = start, [1.0] * delay, []
    for _ in range(3000):
        factors.append(controller.factor)
        wanted = math.log(start) - slope * math.log(factors[-delay - 1])
        # Vectors move a hundredth of the way in a step.
        terms *= math.exp(0.01 * (wanted - math.log(terms)))
        controller.observe(terms * math.exp(0.1 * rng.normal()), 1.0)
        seen.append(terms)
    return seen


@pytest.mark.parametrize("start", [20.0, 300.0, 5000.0])
@pytest.mark.parametrize("slope", [0.3, 1.0])
@pytest.mark.parametrize("delay", [0, 10])
def test_finds_the_target_from_either_side(start: float, slope: float, delay: int) -> None:
    seen = steered(100.0, start, slope, delay, seed=1)

    assert np.mean(seen[-500:]) == pytest.approx(100, rel=0.05)
    assert max(seen[-500:]) < 115


def test_asks_for_more_when_there_are_too_many_and_less_when_too_few() -> None:
    above, below = SparsityTarget(10), SparsityTarget(10)
    for _ in range(5):
        above.observe(30, 1.0)
        below.observe(3, 1.0)

    assert above.factor > 1 > below.factor


def test_hardly_learns_while_the_ramp_holds_lambda_back() -> None:
    early, late = SparsityTarget(10), SparsityTarget(10)
    for _ in range(20):
        early.observe(100, 0.001)
        late.observe(100, 1.0)

    assert early.state()["sum"] < 0.01 * late.state()["sum"]


def test_goes_on_from_its_state() -> None:
    first, second = SparsityTarget(10), SparsityTarget(10)
    for terms in (40, 35, 20):
        first.observe(terms, 0.5)

    second.restore(json.loads(json.dumps(first.state())))
    for one in (first, second):
        one.observe(15, 1.0)

    assert first.factor == second.factor
    assert first.state() == second.state()


def test_vanished_vectors_are_survived() -> None:
    controller = SparsityTarget(10)
    for _ in range(10_000):
        controller.observe(0, 1.0)

    assert controller.factor > 0
