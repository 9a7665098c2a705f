import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from block_matrices import block_masked, pruned
from lsr.kernels.transformer import (
    Activation,
    ExpectedInputs,
    multiply_int8,
    multiply_int8_blocks,
    multiply_int8_blocks_reference,
    new_quantized,
    pack_int8,
    pack_int8_blocks,
    quantize,
)
from transformer_inputs import activations, normal, seeds, sizes


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
    matrix, x = pack_int8_blocks(weight, bias), activations(seed + 2, n_columns, n_tokens)
    residual = normal(seed + 3, n_rows, x.shape[1]) if adds else None
    quantized, out = new_quantized(*x.shape), np.full((n_rows, x.shape[1]), np.nan, np.float32)
    quantize(x, matrix.factors, matrix.shifts, quantized)

    multiply_int8_blocks(matrix, quantized, out, activation, residual)

    dense = pack_int8(weight, bias)
    expected = multiply_int8_blocks_reference(dense, quantized, activation, residual)
    # The sums of bytes are exact; what is left is the rounding of a few float operations.
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=2e-6 * np.sqrt(n_columns) * 10)


@pytest.mark.parametrize("n_tokens", [8, 32, 48, 64, 100])
@pytest.mark.parametrize("share", [0.0, 0.8])
def test_has_the_bits_of_the_dense_layer_of_the_same_weights(n_tokens: int, share: float) -> None:
    weight, bias, x = block_masked(1, 44, 301, share), normal(2, 44), activations(3, 301, n_tokens)
    inputs = ExpectedInputs(normal(4, 301), np.exp(normal(5, 301)))
    blocks, dense = pack_int8_blocks(weight, bias, inputs), pack_int8(weight, bias, inputs)
    quantized, (out, expected) = new_quantized(*x.shape), np.empty((2, 44, x.shape[1]), np.float32)
    quantize(x, dense.factors, dense.shifts, quantized)

    multiply_int8_blocks(blocks, quantized, out)
    multiply_int8(dense, quantized, expected)

    np.testing.assert_array_equal(out, expected)


def test_extreme_bytes_do_not_overflow() -> None:
    """Bytes of 255 times 127: sixteen-bit sums of two products would saturate."""
    matrix, x = pack_int8_blocks(np.ones((8, 4096), np.float32)), np.ones((4096, 64), np.float32)
    x[0] = 0
    quantized, out = new_quantized(*x.shape), np.empty((8, 64), dtype=np.float32)
    quantize(x, matrix.factors, matrix.shifts, quantized)

    multiply_int8_blocks(matrix, quantized, out)

    np.testing.assert_allclose(out, 4095, rtol=1e-6)


def test_strips_of_unlike_length_take_their_own_steps() -> None:
    """One block, none, five and four: a step that is not full, none, one and a bit, one."""
    weight = np.zeros((16, 9), dtype=np.float32)
    weight[0:4, 3], weight[8:12, 2:7], weight[12:16, :4] = 1, 2, 3

    matrix = pack_int8_blocks(weight)

    assert matrix.starts.tolist() == [0, 1, 1, 3, 4]
    assert matrix.columns[:, 0].tolist() == [3, 2, 6, 0]
    assert not matrix.values.flags.writeable
