import itertools
import json
import math

import numpy as np
import pytest

from lsr.training.recipe import Decay
from lsr.training.sparsity_target import SparsityTarget, learned

N_STEPS = 600


def steered(
    pace: float, balance: float, loss: float, n_steps: int, decay: Decay, seed: int = 1
) -> list[float]:
    """Return the terms of a model while it is steered from 93 to 40.

    They die at a pace that lambda sets, answered late, and by the losses themselves, as far as the
    learning rate goes; they never come back.

    Args:
        pace: of the logarithm of terms, for each step and power of e of lambda above `balance`.
        balance: logarithm of the factor below which lambda does next to nothing.
        loss: pace of the losses by themselves.
        n_steps: of the training.
        decay: of the learning rate.
        seed: of the scatter of batches.
    """
    rng = np.random.default_rng(seed)
    controller = SparsityTarget(40, n_steps, decay)
    terms, factors, seen = 93.0, [0.0] * 5, []
    for step in range(n_steps):
        factors.append(math.log(controller.factor))
        force = pace * math.log1p(math.exp(min(factors[-6] - balance, 50)))
        rate = 1 - step / n_steps if decay is Decay.LINEAR else 1
        terms *= math.exp(-(min(force, 0.03) + loss) * rate)
        controller.observe(terms * math.exp(0.08 * rng.normal()), 1.0)
        seen.append(terms)
    return seen


@pytest.mark.parametrize("decay", [Decay.LINEAR, Decay.CONSTANT])
@pytest.mark.parametrize("n_steps", [500, 3000])
@pytest.mark.parametrize("pace", [0.006, 0.015])
@pytest.mark.parametrize("balance", [-1.0, 0.0, 3.0])
@pytest.mark.parametrize("loss", [0.0, 0.2])
def test_ends_within_five_percent_of_the_target(
    pace: float, balance: float, loss: float, n_steps: int, decay: Decay
) -> None:
    seen = steered(pace, balance, loss / n_steps, n_steps, decay)

    assert np.mean(seen[-n_steps // 20 :]) == pytest.approx(40, rel=0.05)
    assert min(seen) > 36


@pytest.mark.parametrize("balance", [-6.0, -3.0, 0.0])
@pytest.mark.parametrize("comes_back", [0.0, 0.002, 0.006])
def test_a_lambda_given_far_too_high_does_no_harm_in_a_short_training(
    balance: float, comes_back: float
) -> None:
    ends = [short(balance, comes_back, seed) for seed in range(8)]

    # What is left of one is the scatter of its batches: 8 % each, and few of them.
    assert np.mean(ends) == pytest.approx(100, rel=0.05)
    assert np.max(np.abs(np.log(np.array(ends) / 100))) < 0.1


def short(balance: float, comes_back: float, seed: int) -> float:
    """Return the terms of a model that is steered from 142 to 100 in 180 steps.

    Like those of real ones, they fall with the mean of lambda's force over some ten steps, as
    optimizers average gradients, and part of what has fallen comes back.

    Args:
        balance: logarithm of the factor below which lambda does next to nothing.
        comes_back: of the logarithm of what has fallen, in a step.
        seed: of the scatter of batches.
    """
    rng = np.random.default_rng(seed)
    n_steps, n_ramp = 180, 20
    controller = SparsityTarget(100, n_steps)
    fallen, pace, seen = 0.0, 0.0, []
    for step in range(n_steps):
        ramp = min(1.0, (step + 1) / n_ramp) ** 2
        force = 0.006 * math.log1p(controller.factor * ramp * math.exp(-balance))
        pace = 0.9 * pace + 0.1 * min(force, 0.04)
        fallen += (pace - comes_back * fallen) * (1 - step / n_steps)
        terms = 142 * math.exp(-fallen)
        controller.observe(terms * math.exp(0.08 * rng.normal()), ramp)
        seen.append(terms)
    return float(np.mean(seen[-9:]))


def test_terms_that_come_back_are_not_swung_about() -> None:
    cases = itertools.product(
        (125, 170), (150, 300), (0.01, 0.03), (0.3, 1.0), (-4.0, 0.0, 4.0), (1, 2)
    )

    errors = np.abs([math.log(coming_back(*case) / 100) for case in cases])

    # Where terms hardly answer, or nearly at once, a short training does not always find lambda.
    assert np.mean(errors < 0.05) > 0.9
    assert errors.max() < 0.15


def coming_back(
    first: float, n_steps: int, pace: float, back: float, balance: float, seed: int
) -> float:
    """Return the terms of a model that is steered to 100 terms.

    Like those of real ones that learn fast, they follow whatever is stronger, lambda or the losses,
    which soon bring terms back. An optimizer moves them: it averages directions over ten steps, and
    divides them by their size over a hundred.

    Args:
        first: terms before the training.
        n_steps: of the training.
        pace: of the logarithm of terms in a step in which all pulls one way.
        back: how fast the losses bring back what is lost.
        balance: logarithm of the factor at which lambda pulls as much as losses do.
        seed: of the scatter of batches.
    """
    rng = np.random.default_rng(seed)
    controller, terms, direction, size, seen = SparsityTarget(100, n_steps), first, 0.0, 1.0, []
    for step in range(n_steps):
        ramp = min(1.0, (step + 1) / 20) ** 2
        force = controller.factor * ramp * math.exp(-balance)
        pull = 10 * back * math.log(first / terms) - force
        size = 0.99 * size + 0.01 * min((1 + force) ** 2, 1e6)
        direction = 0.9 * direction + 0.1 * pull / math.sqrt(size)
        rate = min(1.0, (step + 1) / 10) * (1 - step / n_steps)
        terms *= math.exp(pace * min(max(direction, -3), 3) * rate)
        controller.observe(terms * math.exp(0.05 * rng.normal()), ramp)
        seen.append(terms)
    return float(np.mean(seen[-n_steps // 20 :]))


def test_a_target_that_losses_pass_by_themselves_is_left_to_them() -> None:
    seen = steered(0.006, 0.0, 0.002, 1000, Decay.CONSTANT)

    # Until lambda has fallen to next to nothing, it does its part.
    assert seen[-1] == pytest.approx(93 * math.exp(-2), rel=0.15)


@pytest.mark.parametrize("decay", Decay)
def test_learning_is_the_sum_of_learning_rates(decay: Decay) -> None:
    share = np.linspace(0, 1, 10_001)
    rates = {
        Decay.LINEAR: 1 - share,
        Decay.COSINE: (1 + np.cos(np.pi * share)) / 2,
        Decay.CONSTANT: np.ones_like(share),
    }[decay]

    expected = np.cumsum(rates) / rates.sum()

    # The sum of 10,000 rectangles.
    for place in (0, 2500, 5000, 9000, 10_000):
        assert learned(share[place], decay) == pytest.approx(expected[place], abs=3e-4)


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

    begun = SparsityTarget(10, N_STEPS).state()["sum"]
    assert 0 < early.state()["sum"] - begun < 0.01 * (late.state()["sum"] - begun)


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
