"""Each penalty and its gradient against a few lines of NumPy in float64."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lsr.training.penalties import (
    L1,
    AntiZero,
    Flops,
    FlopsIdfInside,
    Penalty,
    separate_flops,
)

Array = NDArray[np.float64]
ROUNDING = 1e-12
"""float64 sums of some dozen terms in another order, relative."""

N_TERMS = 6
IDF = np.array([0.1, 0.5, 1.0, 2.0, 4.0, 8.0])


def weights(seed: int = 0) -> Array:
    """Return vectors of 5 texts, of which one has a term only and one none."""
    rng = np.random.default_rng(seed)
    found = rng.uniform(0.1, 2, size=(5, N_TERMS)) * (rng.random((5, N_TERMS)) < 0.7)
    found[3] = 0
    found[4] = 0
    found[3, 2] = 1.5
    return found


def flops(w: Array) -> float:
    return sum(float(np.mean(w[:, j])) ** 2 for j in range(N_TERMS))


def masked(w: Array, threshold: int) -> Array:
    return np.array([row if np.count_nonzero(row) > threshold else 0 * row for row in w])


CASES: list[tuple[Penalty, Callable[[Array], float]]] = [
    (Flops(0.1), flops),
    (Flops(0.1, threshold=1), lambda w: flops(masked(w, 1))),
    (Flops(0.1, threshold=4), lambda w: flops(masked(w, 4))),
    (FlopsIdfInside(0.1), lambda w: flops(w * IDF)),
    (FlopsIdfInside(0.1, threshold=2), lambda w: flops(masked(w, 2) * IDF)),
    (L1(0.1), lambda w: float(np.mean([row.sum() for row in w]))),
    (AntiZero(0.1), lambda w: 1 / float(np.mean([row.sum() for row in w])) ** 2),
]
NAMES = [str(penalty) for penalty, _ in CASES]


def value(penalty: Penalty, w: torch.Tensor) -> torch.Tensor:
    return penalty.value(w, torch.from_numpy(IDF))


@pytest.mark.parametrize(("penalty", "oracle"), CASES, ids=NAMES)
def test_equals_its_formula(penalty: Penalty, oracle: Callable[[Array], float]) -> None:
    for seed in range(3):
        w = weights(seed)
        found = float(value(penalty, torch.from_numpy(w)))
        assert found == pytest.approx(oracle(w), rel=ROUNDING)


@pytest.mark.parametrize(("penalty", "oracle"), CASES, ids=NAMES)
def test_gradient_is_that_of_the_formula(
    penalty: Penalty, oracle: Callable[[Array], float]
) -> None:
    w = weights(3)
    leaf = torch.from_numpy(w).requires_grad_()
    value(penalty, leaf).backward()

    step = 1e-6
    for row, column in np.argwhere(w > 0):
        higher, lower = w.copy(), w.copy()
        higher[row, column] += step
        lower[row, column] -= step
        slope = (oracle(higher) - oracle(lower)) / (2 * step)
        # A central difference is off by the square of its step, and by rounding over the step.
        assert float(leaf.grad[row, column]) == pytest.approx(slope, abs=1e-8)


def test_an_idf_in_the_matching_scales_the_ranking_gradient_and_not_the_penalty() -> None:
    """The IDF-aware penalty is plain FLOPS beside scores that are weighted by idf."""
    w = torch.from_numpy(weights(1)).requires_grad_()
    query = torch.from_numpy(IDF)

    (of_score,) = torch.autograd.grad((w @ query).sum(), w)
    (of_penalty,) = torch.autograd.grad(Flops(1.0).value(w), w)

    np.testing.assert_allclose(of_score.numpy(), np.tile(IDF, (5, 1)), rtol=ROUNDING)
    expected = np.tile(2 * weights(1).mean(0) / 5, (5, 1))
    np.testing.assert_allclose(of_penalty.numpy(), expected, rtol=ROUNDING)


@pytest.mark.parametrize("penalty", [one for one, _ in CASES], ids=NAMES)
def test_a_batch_repeated_costs_what_it_costs_once(penalty: Penalty) -> None:
    """What lambda means does not change with the size of the batch."""
    w = torch.from_numpy(weights(2))

    assert float(value(penalty, w.repeat(4, 1))) == pytest.approx(
        float(value(penalty, w)), rel=ROUNDING
    )


def test_positives_and_negatives_apart_cost_what_they_cost_in_the_mean() -> None:
    w = weights(5)

    found = float(separate_flops(torch.from_numpy(w[:2]), torch.from_numpy(w[2:])))

    assert found == pytest.approx((flops(w[:2]) + flops(w[2:])) / 2, rel=ROUNDING)


def test_vanished_vectors_have_a_finite_anti_zero_penalty() -> None:
    w = torch.zeros(3, N_TERMS, dtype=torch.float64, requires_grad=True)

    penalty = AntiZero(1.0).value(w)
    penalty.backward()

    assert float(penalty.detach()) == pytest.approx(1e6)
    assert not w.grad.any()
