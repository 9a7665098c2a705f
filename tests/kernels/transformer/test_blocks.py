import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from block_matrices import block_masked, pruned
from lsr.kernels.transformer.blocks import (
    block_pattern,
    block_share,
    blocks_of,
)
from transformer_inputs import normal, seeds, sizes


@given(seeds, sizes, sizes, st.floats(0, 1))
@settings(deadline=None, max_examples=60)
def test_blocks_hold_all_that_is_not_zero(
    seed: int, n_rows: int, n_columns: int, share: float
) -> None:
    weight = pruned(seed, n_rows, n_columns, share)
    pattern = block_pattern(weight)

    found = np.zeros((n_rows + 1, n_columns), dtype=np.float32)
    for strip, (start, stop) in enumerate(
        zip(pattern.starts[:-1], pattern.starts[1:], strict=True)
    ):
        rows = pattern.rows[4 * strip : 4 * strip + 4]
        columns = pattern.columns[start:stop]
        assert np.all(np.diff(columns) > 0)
        found[rows[:, None], columns] = blocks_of(weight, pattern)[start:stop].T

    np.testing.assert_array_equal(found[:n_rows], weight)
    assert sorted(pattern.rows[pattern.rows < n_rows].tolist()) == list(range(n_rows))


def test_rows_of_a_block_mask_stay_in_their_order() -> None:
    pattern = block_pattern(block_masked(1, 12, 20, 0.5))

    assert pattern.rows.tolist() == list(range(12))


def test_rows_that_were_clustered_are_found_again() -> None:
    weight = block_masked(1, 40, 30, 0.7)
    shuffled = weight[np.random.default_rng(2).permutation(40)]

    assert block_share(shuffled) == pytest.approx(block_share(weight))
    assert block_share(weight) == pytest.approx(0.3, abs=0.02)


def test_zeros_here_and_there_leave_most_blocks() -> None:
    """Half of the weights removed one by one: a block of four is empty once in sixteen."""
    assert block_share(pruned(1, 400, 1000, 0.5)) == pytest.approx(15 / 16, abs=0.01)


def test_a_matrix_without_weights_has_no_blocks() -> None:
    assert block_share(np.zeros((5, 3), dtype=np.float32)) == 0
    assert block_share(normal(1, 4, 3)) == 1
