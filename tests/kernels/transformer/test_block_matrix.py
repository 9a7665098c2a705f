import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from block_matrices import block_masked, pruned
from lsr.kernels.transformer import (
    Activation,
    multiply,
    multiply_blocks,
    multiply_blocks_reference,
    pack_blocks,
    pack_matrix,
    unpack_blocks,
)
from transformer_inputs import Floats, activations, normal, seeds, sizes


def allowed(weight: Floats, x: Floats, bias: Floats) -> NDArray[np.float64]:
    """Bound the rounding of float32: a part in a million of what is summed."""
    return 1e-6 * (np.abs(weight) @ np.abs(x) + np.abs(bias)[:, None] + 1)


@given(seeds, sizes, sizes, sizes, st.floats(0, 1), st.sampled_from(Activation), st.booleans())
@settings(deadline=None, max_examples=60)
def test_equals_reference(
    seed: int,
    n_rows: int,
    n_columns: int,
    n_tokens: int,
    share: float,
    activation: Activation,
    adds: bool,
) -> None:
    weight, bias = pruned(seed, n_rows, n_columns, share), normal(seed + 1, n_rows)
    x = activations(seed + 2, n_columns, n_tokens)
    residual = normal(seed + 3, n_rows, x.shape[1]) if adds else None
    out = np.full((n_rows, x.shape[1]), np.nan, dtype=np.float32)
    matrix = pack_blocks(weight, bias)

    multiply_blocks(matrix, x, out, activation, residual)

    expected = multiply_blocks_reference(matrix, x, activation, residual)
    assert np.all(np.abs(out - expected) <= allowed(weight, x, bias) * 4)


@pytest.mark.parametrize("n_tokens", [8, 32, 48, 64, 100])
def test_equals_the_dense_layer_of_the_same_weights(n_tokens: int) -> None:
    weight, bias, x = block_masked(1, 44, 300, 0.8), normal(2, 44), activations(3, 300, n_tokens)
    out, expected = np.empty((2, 44, x.shape[1]), dtype=np.float32)

    multiply_blocks(pack_blocks(weight, bias), x, out)
    multiply(pack_matrix(weight, bias), x, expected)

    assert np.all(np.abs(out - expected) <= allowed(weight, x, bias))


def test_a_token_has_the_same_bits_whatever_stands_beside_it() -> None:
    weight, x = pruned(1, 30, 200, 0.6), activations(2, 200, 64)
    alone = np.ascontiguousarray(x[:, :16])
    out, out_alone = (np.empty((30, n), dtype=np.float32) for n in (64, 16))

    multiply_blocks(pack_blocks(weight), x, out)
    multiply_blocks(pack_blocks(weight), alone, out_alone)

    np.testing.assert_array_equal(out[:, :16], out_alone)


def test_residual_may_be_the_output() -> None:
    matrix, x = pack_blocks(pruned(1, 20, 30, 0.5)), activations(2, 30, 50)
    out = normal(3, 20, x.shape[1])
    expected = multiply_blocks_reference(matrix, x, Activation.NONE, out.copy())

    multiply_blocks(matrix, x, out, Activation.NONE, out)

    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-4)


def test_packing_keeps_the_weights_and_a_bias_of_none_is_zero() -> None:
    weight = pruned(1, 13, 7, 0.5)

    matrix = pack_blocks(weight)

    np.testing.assert_array_equal(unpack_blocks(matrix), weight)
    assert not matrix.bias.any()
    assert not matrix.values.flags.writeable


def test_rows_without_weights_give_the_bias() -> None:
    bias, out = normal(1, 9), np.empty((9, 16), dtype=np.float32)

    multiply_blocks(pack_blocks(np.zeros((9, 5), np.float32), bias), activations(2, 5, 3), out)

    np.testing.assert_array_equal(out, np.repeat(bias[:, None], 16, axis=1))


def test_no_tokens_are_no_work() -> None:
    out = np.zeros((3, 0), dtype=np.float32)

    multiply_blocks(pack_blocks(normal(1, 3, 4)), np.zeros((4, 0), dtype=np.float32), out)
