"""Three ways in which removed weights may come back, against the same steps in NumPy."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import TrainerControl, TrainerState, TrainingArguments

from lsr.compression import Pattern
from lsr.training.decaying_masks import DecayingMasks
from lsr.training.gradual_masks import cubic
from lsr.training.late_decay import LateDecay
from lsr.training.returning_weights import ReturningWeights
from lsr.training.sr_ste import SrSte

LAST, N_STEPS = 8, 12
SPARSITY, RATE = 0.5, 0.3
KINDS = [ReturningWeights, SrSte, DecayingMasks, LateDecay]

Doubles = NDArray[np.float64]


def start() -> tuple[Doubles, Doubles]:
    """Return weights, and others to which gradients lead them."""
    random = np.random.default_rng(1)
    return random.normal(size=(6, 20)), random.normal(size=(6, 20))


def trained(kind: Callable[..., ReturningWeights], *parts: int) -> Doubles:
    """Return the weights after steps of plain gradients, in parts that know nothing of the others.

    Args:
        kind: of what holds removed weights.
        parts: numbers of steps.
    """
    first, wanted = start()
    weight, goal = torch.nn.Parameter(torch.from_numpy(first)), torch.from_numpy(wanted)
    state, step = TrainerState(), 0
    calls = (TrainingArguments("none", report_to=[]), state, TrainerControl())
    for part in parts:
        pattern = Pattern.parse("unstructured")
        masks = kind([(weight, SPARSITY)], pattern, cubic(LAST, 2), LAST)
        for _ in range(part):
            state.global_step = step
            masks.on_step_begin(*calls)
            weight.grad = (weight - goal).detach()
            masks.on_pre_optimizer_step(*calls)
            with torch.no_grad():
                weight.sub_(RATE * weight.grad)
            masks.on_optimizer_step(*calls)
            step += 1
            state.global_step = step
            masks.on_step_end(*calls)
    return weight.detach().numpy()


def largest(weight: Doubles, sparsity: float) -> Doubles:
    """Return 1 for the largest weights of each row, else 0."""
    n_gone = round(weight.shape[1] * sparsity)
    ranks = np.argsort(np.argsort(np.abs(weight), axis=1), axis=1)
    return (ranks >= n_gone).astype(np.float64)


def reference(kind: Callable[..., ReturningWeights]) -> Doubles:
    """The same by the formulas."""
    weight, goal = start()
    for step in range(N_STEPS):
        if step >= LAST:
            mask = largest(weight, SPARSITY)
            weight = mask * (weight * mask - RATE * (weight * mask - goal))
            continue
        done = 1.0 if kind is DecayingMasks else 1 - (1 - step // 2 * 2 / LAST) ** 3
        mask = largest(weight, SPARSITY * done)
        there = 1 - step / LAST if kind is DecayingMasks else 0.0
        gradient = weight * (mask + there * (1 - mask)) - goal
        if kind is SrSte:
            gradient += 2e-4 * (1 - mask) * weight
        weight = weight - RATE * gradient
        if kind is LateDecay:
            weight = weight * (1 - (1 - mask) * 4 / LAST * min(1, step / (LAST / 4)))
    return weight


@pytest.mark.parametrize("kind", KINDS)
def test_steps_are_those_of_the_formulas(kind: Callable[..., ReturningWeights]) -> None:
    found = trained(kind, N_STEPS)

    np.testing.assert_allclose(found, reference(kind), rtol=1e-12)
    np.testing.assert_array_equal((found == 0).sum(axis=1), 10)


def test_each_way_is_another() -> None:
    found = [trained(kind, N_STEPS) for kind in KINDS]

    for number, one in enumerate(found):
        for other in found[:number]:
            assert np.abs(one - other).max() > 1e-6


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at", [3, LAST, LAST + 1])
def test_steps_go_on_from_the_weights_alone(kind: Callable[..., ReturningWeights], at: int) -> None:
    np.testing.assert_array_equal(trained(kind, at, N_STEPS - at), trained(kind, N_STEPS))


def test_a_removed_weight_comes_back() -> None:
    """One that gradients lead from nearly nothing to the largest of all."""
    weight = torch.nn.Parameter(torch.tensor([[1.0, 2.0, 0.1, 3.0]]))
    masks = SrSte([(weight, 0.5)], Pattern.parse("unstructured"), lambda step: 1.0, 2)
    calls = (TrainingArguments("none", report_to=[]), TrainerState(), TrainerControl())

    masks.on_step_begin(*calls)
    assert weight.tolist() == [[0, 2, 0, 3]]
    weight.grad = torch.tensor([[0.0, 0.0, -10.0, 0.0]])
    masks.on_pre_optimizer_step(*calls)
    with torch.no_grad():
        weight.sub_(weight.grad)
    masks.on_optimizer_step(*calls)
    masks.on_step_begin(*calls)

    assert (weight != 0).tolist() == [[False, False, True, True]]
