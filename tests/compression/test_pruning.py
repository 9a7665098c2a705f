"""Masks against references of few lines."""

import numpy as np
import pytest

from lsr.compression import Method, Pattern
from lsr.compression.pruning import prune
from lsr.compression.scores import InputStatistics
from lsr.compression.sparse_gpt import sparse_gpt
from transformer_inputs import Floats, normal


def pruned(method: Method, pattern: str, sparsity: float) -> tuple[Floats, Floats, Floats]:
    sizes = np.linspace(0.2, 3, 24, dtype=np.float32)
    weight, x = normal(1, 8, 24), normal(2, 24, 200) * sizes[:, None]
    inputs = InputStatistics(24)
    inputs.add(x)
    return weight, x, prune(weight, inputs, method, Pattern.parse(pattern), sparsity, [1])


@pytest.mark.parametrize("method", [Method.WANDA, Method.MAGNITUDE])
def test_each_row_loses_the_weights_that_count_least(method: Method) -> None:
    weight, x, found = pruned(method, "unstructured", 0.5)

    for row, own in zip(weight, found, strict=True):
        norms = np.linalg.norm(x, axis=1) if method is Method.WANDA else 1
        smallest = np.argsort(np.abs(row) * norms)[:12]
        assert set(np.flatnonzero(own == 0)) == set(smallest)
        np.testing.assert_array_equal(own[own != 0], row[own != 0])


def test_four_rows_lose_the_columns_of_least_energy() -> None:
    weight, x, found = pruned(Method.WANDA, "4x1", 0.75)

    with_the_first = ((found != 0) == (found[0] != 0)).all(axis=1)
    assert with_the_first.sum() == 4
    for rows in (np.flatnonzero(with_the_first), np.flatnonzero(~with_the_first)):
        energies = [
            sum(float(weight[row, column]) ** 2 for row in rows) * float(x[column] @ x[column])
            for column in range(24)
        ]
        smallest = np.argsort(energies)[:18]
        for row in rows:
            assert set(np.flatnonzero(found[row] == 0)) == set(smallest)


@pytest.mark.parametrize("method", [Method.SPARSE_GPT, Method.WANDA, Method.MAGNITUDE])
def test_rows_that_do_without_the_same_columns_share_blocks(method: Method) -> None:
    """Of rows that were dealt out, those that had been zero together are found again."""
    random = np.random.default_rng(3)
    supports = np.repeat(np.argsort(random.random((8, 24)), axis=1) < 12, 4, axis=0)
    weight = np.where(supports, normal(4, 32, 24) + 3, 0).astype(np.float32)
    weight = np.concatenate([own[random.permutation(16)] for own in np.split(weight, 2)])
    inputs = InputStatistics(24)
    inputs.add(normal(5, 24, 200))

    found = prune(weight, inputs, method, Pattern.parse("4x1"), 0.5, [1], n_matrices=2)

    np.testing.assert_allclose(found, weight, atol=1e-6)


def test_no_block_is_of_two_matrices() -> None:
    weight = np.tile(normal(4, 4, 24), (2, 1))  # each row has its like in the other
    inputs = InputStatistics(24)

    together = prune(weight, inputs, Method.MAGNITUDE, Pattern.parse("4x1"), 0.5, [1])
    apart = prune(weight, inputs, Method.MAGNITUDE, Pattern.parse("4x1"), 0.5, [1], n_matrices=2)

    for own in (apart[:4], apart[4:]):
        assert ((own != 0) == (own[0] != 0)).all()
    assert ((together != 0) != (apart != 0)).any()


@pytest.mark.parametrize("pattern", ["4x1", "unstructured"])
def test_chosen_rows_lose_less_than_rows_as_they_stand(pattern: str) -> None:
    weight, x = normal(6, 32, 40), normal(7, 40, 300)
    inputs = InputStatistics(40)
    inputs.add(x)
    chosen = Pattern.parse(pattern)

    as_they_stand = sparse_gpt(weight, inputs.products, chosen, 0.5)
    found = prune(weight, inputs, Method.SPARSE_GPT, chosen, 0.5, [1])

    errors = [float(np.square((weight - one) @ x).sum()) for one in (found, as_they_stand)]
    assert errors[0] < errors[1] if pattern == "4x1" else errors[0] == errors[1]


def test_of_four_neighbours_two_stay() -> None:
    weight, x, found = pruned(Method.WANDA, "2:4", 0.5)

    scores = (np.abs(weight) * np.linalg.norm(x, axis=1)).reshape(8, 6, 4)
    ranks = np.argsort(np.argsort(scores, axis=2), axis=2)
    np.testing.assert_array_equal(found.reshape(8, 6, 4) != 0, ranks >= 2)
