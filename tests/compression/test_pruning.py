"""Masks against references of few lines."""

import numpy as np
import pytest

from lsr.compression import Method, Pattern
from lsr.compression.pruning import prune
from lsr.compression.scores import InputStatistics
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

    for first in (0, 4):
        energies = [
            sum(float(weight[row, column]) ** 2 for row in range(first, first + 4))
            * float(x[column] @ x[column])
            for column in range(24)
        ]
        smallest = np.argsort(energies)[:18]
        for row in range(first, first + 4):
            assert set(np.flatnonzero(found[row] == 0)) == set(smallest)


def test_of_four_neighbours_two_stay() -> None:
    weight, x, found = pruned(Method.WANDA, "2:4", 0.5)

    scores = (np.abs(weight) * np.linalg.norm(x, axis=1)).reshape(8, 6, 4)
    ranks = np.argsort(np.argsort(scores, axis=2), axis=2)
    np.testing.assert_array_equal(found.reshape(8, 6, 4) != 0, ranks >= 2)
