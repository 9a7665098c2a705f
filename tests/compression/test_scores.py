import numpy as np

from lsr.compression.scores import InputStatistics, at_random, magnitude, wanda
from transformer_inputs import normal


def test_statistics_of_parts_are_those_of_the_whole() -> None:
    x = normal(1, 7, 90)
    inputs = InputStatistics(7)

    for first in range(0, 90, 40):
        inputs.add(x[:, first : first + 40])

    np.testing.assert_allclose(inputs.means, x.mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(inputs.lengths, np.sqrt(np.square(x).mean(axis=1)), rtol=1e-5)
    np.testing.assert_allclose(inputs.products, x @ x.T, rtol=1e-4, atol=1e-4)


def test_wanda_ranks_by_the_weight_times_the_size_of_its_input() -> None:
    weight, x = normal(1, 5, 9), normal(2, 9, 50)
    inputs = InputStatistics(9)
    inputs.add(x)

    scores = wanda(weight, inputs)

    expected = np.abs(weight) * np.linalg.norm(x, axis=1)
    np.testing.assert_array_equal(np.argsort(scores, axis=1), np.argsort(expected, axis=1))


def test_magnitude_ranks_by_size_and_chance_by_nothing() -> None:
    weight = normal(1, 5, 9)

    np.testing.assert_array_equal(
        np.argsort(magnitude(weight), axis=1), np.argsort(np.abs(weight), axis=1)
    )
    first, second = (at_random(weight, np.random.default_rng([1, 2])) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (first != at_random(weight, np.random.default_rng([1, 3]))).any()
