"""Columns against least squares over the inputs themselves, written plainly."""

import numpy as np
import pytest

from lsr.compression.columns import DAMPING, columns_of, kept_groups, refitted
from lsr.compression.scores import Doubles, InputStatistics
from transformer_inputs import Floats, normal

N_TOKENS = 300


def inputs_of(x: Floats) -> InputStatistics:
    found = InputStatistics(x.shape[0])
    found.add(x)
    return found


def correlated(n_features: int) -> Floats:
    """Inputs whose means differ, and of which some say nearly what others say."""
    mixed = normal(1, n_features, n_features // 2) @ normal(2, n_features // 2, N_TOKENS)
    return mixed + 0.3 * normal(3, n_features, N_TOKENS) + normal(4, n_features, 1)


def fitted(weight: Floats, x: Floats, kept: list[int]) -> tuple[Doubles, float]:
    """Return the best weights of some columns, and the error of a token that they leave.

    Damping is as if each input also came alone, as seldom as it is slight.
    """
    spread = (x - x.mean(axis=1, keepdims=True)).astype(np.float64) / np.sqrt(N_TOKENS)
    slight = np.sqrt(DAMPING * np.mean(np.square(spread).sum(axis=1)))
    samples = np.concatenate([spread, slight * np.eye(len(x))], axis=1)
    wanted = weight @ samples
    left = np.linalg.lstsq(samples[kept].T, wanted.T, rcond=None)[0].T
    return left, float(np.square(wanted - left @ samples[kept]).sum())


def test_what_is_left_gives_most_nearly_what_all_gave() -> None:
    weight, bias, x = normal(5, 6, 12), normal(6, 6), correlated(12)
    kept = np.array([0, 3, 4, 8, 11])

    left, moved = refitted(weight, bias, inputs_of(x), kept)

    # float32 products of 300 tokens.
    np.testing.assert_allclose(left, fitted(weight, x, kept.tolist())[0], rtol=1e-3, atol=1e-4)
    before, after = weight @ x + bias[:, None], left @ x[kept] + moved[:, None]
    np.testing.assert_allclose(after.mean(axis=1), before.mean(axis=1), atol=1e-4)


@pytest.mark.parametrize("width", [1, 3])
def test_one_after_the_other_the_group_goes_whose_loss_costs_least(width: int) -> None:
    weight, x = normal(5, 6, 12), correlated(12)
    n_removed = 9 // width
    left = list(range(12 // width))

    def error(groups: list[int]) -> float:
        return fitted(weight, x, columns_of(np.array(groups), width).tolist())[1]

    alone = [error([one for one in left if one != gone]) for gone in left]
    for _ in range(n_removed):
        costs = [error([one for one in left if one != gone]) for gone in left]
        left.pop(int(np.argmin(costs)))

    kept, costs_alone = kept_groups(weight, inputs_of(x), width, n_removed)

    assert kept.tolist() == left
    np.testing.assert_allclose(costs_alone, alone, rtol=1e-3)  # float32 products


def test_of_two_columns_that_say_the_same_one_stays() -> None:
    weight, x = normal(5, 6, 12), normal(1, 12, N_TOKENS)
    x[7] = x[2]

    kept, _ = kept_groups(weight, inputs_of(x), 1, 1)

    assert len({2, 7} & set(kept.tolist())) == 1


def test_inputs_that_never_change_go_first_and_cost_nothing() -> None:
    weight, bias, x = normal(5, 6, 12), normal(6, 6), normal(1, 12, N_TOKENS)
    x[[1, 9]] = 2.0

    kept, _ = kept_groups(weight, inputs_of(x), 1, 2)
    left, moved = refitted(weight, bias, inputs_of(x), kept)

    assert set(range(12)) - set(kept.tolist()) == {1, 9}
    # Sums of 300 tokens in float32, and damping that no column needs.
    np.testing.assert_allclose(
        left @ x[kept] + moved[:, None], weight @ x + bias[:, None], atol=1e-4
    )
