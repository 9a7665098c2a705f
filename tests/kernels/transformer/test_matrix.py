import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lsr.kernels.transformer import (
    Activation,
    multiply,
    multiply_reference,
    pack_matrix,
    unpack_matrix,
)
from transformer_inputs import Floats, activations, normal, seeds, sizes


def allowed(weight: Floats, x: Floats, bias: Floats) -> NDArray[np.float64]:
    """Bound the rounding of float32: a part in a million of what is summed."""
    return 1e-6 * (np.abs(weight) @ np.abs(x) + np.abs(bias)[:, None] + 1)


@given(seeds, sizes, sizes, sizes, st.sampled_from(Activation), st.booleans())
@settings(deadline=None, max_examples=60)
def test_equals_reference(
    seed: int, n_rows: int, n_columns: int, n_tokens: int, activation: Activation, adds: bool
) -> None:
    weight, bias = normal(seed, n_rows, n_columns), normal(seed + 1, n_rows)
    x = activations(seed + 2, n_columns, n_tokens)
    residual = normal(seed + 3, n_rows, x.shape[1]) if adds else None
    out = np.full((n_rows, x.shape[1]), np.nan, dtype=np.float32)
    matrix = pack_matrix(weight, bias)

    multiply(matrix, x, out, activation, residual)

    expected = multiply_reference(matrix, x, activation, residual)
    assert np.all(np.abs(out - expected) <= allowed(weight, x, bias) * 4)


@pytest.mark.parametrize("n_tokens", [16, 48, 64, 3000])
def test_blocks_and_panels_of_a_deep_matrix_are_all_computed(n_tokens: int) -> None:
    """1,100 columns fill a block with two panels; 3,000 tokens need more than one block."""
    weight, bias = normal(1, 9, 1100), normal(2, 9)
    x = activations(3, 1100, n_tokens)
    out = np.full((9, x.shape[1]), np.nan, dtype=np.float32)
    matrix = pack_matrix(weight, bias)

    multiply(matrix, x, out)

    assert np.all(np.abs(out - multiply_reference(matrix, x)) <= allowed(weight, x, bias))


def test_residual_may_be_the_output() -> None:
    matrix, x = pack_matrix(normal(1, 20, 30)), activations(2, 30, 50)
    out = normal(3, 20, x.shape[1])
    expected = multiply_reference(matrix, x, Activation.NONE, out.copy())

    multiply(matrix, x, out, Activation.NONE, out)

    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-4)


def test_packing_keeps_the_weights_and_a_bias_of_none_is_zero() -> None:
    weight = normal(1, 13, 7)

    matrix = pack_matrix(weight)

    np.testing.assert_array_equal(unpack_matrix(matrix), weight)
    assert matrix.strips.shape == (2, 7, 8)
    assert not matrix.bias.any()
    assert not matrix.strips.flags.writeable


def test_no_tokens_are_no_work() -> None:
    out = np.zeros((3, 0), dtype=np.float32)

    multiply(pack_matrix(normal(1, 3, 4)), np.zeros((4, 0), dtype=np.float32), out)
