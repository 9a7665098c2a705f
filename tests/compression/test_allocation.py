import itertools

import numpy as np
import pytest

from lsr.compression.allocation import BINS, erk, knapsack, outlier_share, owl

SHAPES = [(384, 128), (128, 128), (512, 128), (128, 512)]
SIZES = [rows * columns for rows, columns in SHAPES]


def kept(sparsities: np.ndarray) -> float:
    return float(np.average(1 - np.array(sparsities), weights=SIZES))


@pytest.mark.parametrize("sparsity", [0.2, 0.5, 0.9])
def test_erk_keeps_as_much_in_all_and_by_its_formula_of_each(sparsity: float) -> None:
    found = erk(SHAPES, sparsity)

    assert kept(found) == pytest.approx(1 - sparsity)
    ratios = [
        (1 - own) / ((rows + columns) / (rows * columns))
        for own, (rows, columns) in zip(found, SHAPES, strict=True)
        if own > 0
    ]
    assert np.ptp(ratios) < 1e-9 * ratios[0]


def test_erk_keeps_whole_what_it_would_keep_more_than_whole() -> None:
    found = erk([(8, 8), (4000, 4000)], 0.5)

    assert found[0] == 0
    assert (found * [64, 16e6]).sum() == pytest.approx(0.5 * (64 + 16e6))


def test_outliers_are_weights_that_count_five_times_the_mean() -> None:
    scores = np.ones((10, 10))
    scores[0, :3] = 50.0  # the mean is 2.47

    assert outlier_share(scores) == 0.03


def test_owl_takes_least_of_the_matrix_with_most_outliers() -> None:
    found = owl([0.01, 0.04, 0.02, 0.02], SIZES, 0.5)

    assert kept(found) == pytest.approx(0.5)
    assert found[1] == found.min()
    assert found[0] - found[1] == pytest.approx(0.16)
    np.testing.assert_array_equal(owl([0.1] * 4, SIZES, 0.5), [0.5] * 4)


@pytest.mark.parametrize("seed", range(5))
def test_the_knapsack_finds_the_best_of_all_choices(seed: int) -> None:
    random = np.random.default_rng(seed)
    errors = np.sort(random.random((4, 5)), axis=1)
    # Of the uniform level each takes so many bins, so that none is rounded.
    steps = random.integers(1, 150, (4, 5))
    falling = steps[:, ::-1].cumsum(axis=1)[:, ::-1]
    costs = np.array([[300], [700], [600], [400]]) + falling - falling[:, 2:3].astype(float)

    found = knapsack(errors, costs, 2)

    each = range(4)
    possible = [
        levels
        for levels in itertools.product(range(5), repeat=4)
        if sum(costs[n, levels[n]] for n in each) <= BINS
    ]
    best = min(sum(errors[n, levels[n]] for n in each) for levels in possible)
    assert tuple(found) in possible
    assert sum(errors[n, found[n]] for n in each) == pytest.approx(best)
