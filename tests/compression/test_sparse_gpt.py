import numpy as np
import pytest

from lsr.compression import Pattern
from lsr.compression.scores import InputStatistics
from lsr.compression.sparse_gpt import DAMPING, sparse_gpt
from transformer_inputs import Floats, normal


def products_of(x: Floats) -> InputStatistics:
    inputs = InputStatistics(x.shape[0])
    inputs.add(x)
    return inputs


def correlated(seed: int, n_features: int) -> Floats:
    mixed = normal(seed, n_features, n_features) @ normal(seed + 1, n_features, 500)
    return mixed.astype(np.float32)


def reference(weight: Floats, products: np.ndarray, sparsity: float) -> np.ndarray:
    """The algorithm by its definition: an inverse for each column, of it and those after it."""
    left = weight.astype(np.float64)
    n_columns = left.shape[1]
    damped = products + DAMPING * np.diag(products).mean() * np.eye(n_columns)
    inverses = [np.linalg.inv(damped[j:, j:]) for j in range(n_columns)]
    costs = np.square(left) / [inverse[0, 0] for inverse in inverses]
    n_gone = round(n_columns * sparsity)
    gone = np.argsort(costs, axis=1)[:, :n_gone]
    for row, own in zip(left, gone, strict=True):
        for j in sorted(own.tolist()):
            row[j:] -= row[j] / inverses[j][0, 0] * inverses[j][0]
            row[j] = 0
    return left


def test_equals_the_definition_where_one_block_of_columns_is_all() -> None:
    """Costs are those of the block's beginning, as the algorithm says; here it is the matrix."""
    weight, x = normal(1, 6, 24), correlated(2, 24)
    products = products_of(x).products

    pruned = sparse_gpt(weight, products, Pattern.parse("unstructured"), 0.5)

    np.testing.assert_allclose(pruned, reference(weight, products, 0.5), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("pattern", ["unstructured", "4x1", "2:4"])
def test_keeps_the_pattern_over_many_blocks_of_columns(pattern: str) -> None:
    weight, x = normal(1, 8, 300), correlated(2, 300)

    pruned = sparse_gpt(weight, products_of(x).products, Pattern.parse(pattern), 0.5)

    assert (np.count_nonzero(pruned, axis=1) == 150).all()
    if pattern == "4x1":
        assert ((pruned[:4] != 0) == (pruned[:1] != 0)).all()
    if pattern == "2:4":
        assert (np.count_nonzero(pruned.reshape(8, 75, 4), axis=2) == 2).all()


@pytest.mark.parametrize("pattern", ["unstructured", "4x1", "2:4"])
def test_what_is_left_makes_up_for_what_went(pattern: str) -> None:
    weight, x = normal(1, 8, 64), correlated(2, 64)
    chosen = Pattern.parse(pattern)

    pruned = sparse_gpt(weight, products_of(x).products, chosen, 0.5)

    masked = np.where(pruned != 0, weight, 0)
    assert np.square((pruned - weight) @ x).sum() < 0.8 * np.square((masked - weight) @ x).sum()


def test_nothing_removed_is_nothing_changed() -> None:
    weight, x = normal(1, 5, 20), correlated(2, 20)

    pruned = sparse_gpt(weight, products_of(x).products, Pattern.parse("4x1"), 0)

    np.testing.assert_array_equal(pruned, weight)


def test_an_input_that_is_always_zero_is_no_obstacle() -> None:
    weight, x = normal(1, 4, 10), correlated(2, 10)
    x[3] = 0

    pruned = sparse_gpt(weight, products_of(x).products, Pattern.parse("4x1"), 0.5)

    assert np.isfinite(pruned).all()
