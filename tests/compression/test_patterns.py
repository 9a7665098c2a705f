import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsr.compression import Pattern
from lsr.errors import ConfigError
from transformer_inputs import normal, seeds


@given(seeds, st.integers(1, 13), st.integers(1, 40), st.floats(0, 1))
@settings(deadline=None, max_examples=50)
def test_blocks_keep_the_columns_of_the_largest_sums_in_every_four_rows(
    seed: int, n_rows: int, n_columns: int, sparsity: float
) -> None:
    scores = np.square(normal(seed, n_rows, n_columns))

    kept = Pattern.parse("4x1").kept(scores, sparsity)

    n_kept = n_columns - round(n_columns * sparsity)
    for first in range(0, n_rows, 4):
        strip = kept[first : first + 4]
        assert (strip == strip[0]).all()
        assert strip[0].sum() == n_kept
        sums = scores[first : first + 4].sum(axis=0)
        if 0 < n_kept < n_columns:
            assert sums[strip[0]].min() >= sums[~strip[0]].max()


@given(seeds, st.integers(1, 5), st.integers(1, 40), st.floats(0, 1))
@settings(deadline=None, max_examples=50)
def test_one_by_one_every_row_keeps_its_largest(
    seed: int, n_rows: int, n_columns: int, sparsity: float
) -> None:
    scores = np.square(normal(seed, n_rows, n_columns))

    kept = Pattern.parse("unstructured").kept(scores, sparsity)

    n_kept = n_columns - round(n_columns * sparsity)
    expected = [set(np.argsort(row)[::-1][:n_kept].tolist()) for row in scores]
    assert [set(np.flatnonzero(row).tolist()) for row in kept] == expected


def test_two_of_four_neighbours_stay() -> None:
    scores = np.array([[4, 3, 2, 1, 1, 9, 8, 2, 7, 6]])

    kept = Pattern.parse("2:4").kept(scores, 0.5)

    assert np.flatnonzero(kept[0]).tolist() == [0, 1, 5, 6, 8]
    assert Pattern.parse("2:4").is_padded((1, 10))
    assert not Pattern.parse("2:4").is_padded((1, 8))


@pytest.mark.parametrize("text", ["unstructured", "4x1", "2:4", "1:8"])
def test_a_pattern_reads_as_it_is_written(text: str) -> None:
    assert str(Pattern.parse(text)) == text


@pytest.mark.parametrize("text", ["4:2", "16x1", "0:4", "", "4:4"])
def test_other_patterns_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not one of unstructured, 4x1, or N:M"):
        Pattern.parse(text)


def test_a_pattern_may_say_the_sparsity_itself() -> None:
    assert Pattern.parse("2:8").sparsity(None) == 0.75
    assert Pattern.parse("2:8").sparsity(0.75) == 0.75
    with pytest.raises(ConfigError, match="removes 75% of the weights, but the sparsity is 50%"):
        Pattern.parse("2:8").sparsity(0.5)


@pytest.mark.parametrize("sparsity", [None, -0.1, 1.1])
def test_an_impossible_sparsity_is_refused(sparsity: float | None) -> None:
    with pytest.raises(ConfigError, match="must be a share from 0 to 1"):
        Pattern.parse("4x1").sparsity(sparsity)
