import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsr.kernels.transformer import (
    Activation,
    ExpectedInputs,
    PackedInt8Matrix,
    QuantizedActivations,
    multiply_int8,
    multiply_int8_reference,
    multiply_reference,
    new_quantized,
    pack_int8,
    pack_matrix,
    quantize,
)
from transformer_inputs import Floats, activations, normal, seeds, sizes


def quantized(matrix: PackedInt8Matrix, x: Floats) -> QuantizedActivations:
    out = new_quantized(*x.shape)
    quantize(x, matrix.factors, matrix.shifts, out)
    return out


@given(seeds, sizes, sizes, sizes, st.sampled_from(Activation), st.booleans())
@settings(deadline=None, max_examples=60)
def test_equals_reference(
    seed: int, n_rows: int, n_columns: int, n_tokens: int, activation: Activation, adds: bool
) -> None:
    matrix = pack_int8(normal(seed, n_rows, n_columns), normal(seed + 1, n_rows))
    x = quantized(matrix, activations(seed + 2, n_columns, n_tokens))
    residual = normal(seed + 3, n_rows, x.scales.size) if adds else None
    out = np.full((n_rows, x.scales.size), np.nan, dtype=np.float32)

    multiply_int8(matrix, x, out, activation, residual)

    expected = multiply_int8_reference(matrix, x, activation, residual)
    # The sums of bytes are exact; what is left is the rounding of a few float operations.
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=2e-6 * np.sqrt(n_columns) * 10)


@pytest.mark.parametrize("n_tokens", [1, 16, 47, 300])
def test_is_near_the_product_of_floats(n_tokens: int) -> None:
    weight, x = normal(1, 64, 768), activations(2, 768, n_tokens)
    matrix, out = pack_int8(weight), np.empty((64, x.shape[1]), dtype=np.float32)

    multiply_int8(matrix, quantized(matrix, x), out)

    error = out - multiply_reference(pack_matrix(weight), x)
    assert np.sqrt(np.mean(error**2)) < 0.015 * np.sqrt(768)


def test_extreme_bytes_do_not_overflow() -> None:
    """Bytes of 255 times 127: sixteen-bit sums of two products would saturate."""
    weight = np.ones((8, 4096), dtype=np.float32)
    x = np.zeros((4096, 16), dtype=np.float32)
    x[1:] = 1
    matrix, out = pack_int8(weight), np.empty((8, 16), dtype=np.float32)

    multiply_int8(matrix, quantized(matrix, x), out)

    np.testing.assert_allclose(out, 4095, rtol=1e-6)


def test_a_row_of_zeros_gives_the_bias() -> None:
    out = np.empty((1, 16), dtype=np.float32)
    matrix = pack_int8(np.zeros((1, 5), dtype=np.float32), np.array([2.5], dtype=np.float32))

    multiply_int8(matrix, quantized(matrix, activations(1, 5, 3)), out)

    assert out.tolist() == [[2.5] * 16]


def test_expected_inputs_leave_only_what_deviates_from_them_to_be_rounded() -> None:
    """Features far from zero and of unlike spreads, as after a layer norm with such a gamma."""
    means, spreads = 3 * normal(1, 128), np.exp(2 * normal(2, 128))
    x = activations(3, 128, 40) * spreads[:, None] + means[:, None]
    weight, bias = normal(4, 60, 128), normal(5, 60)
    exact = multiply_reference(pack_matrix(weight, bias), x)

    errors = []
    for inputs in (None, ExpectedInputs(means, spreads)):
        matrix, out = pack_int8(weight, bias, inputs), np.empty(exact.shape, dtype=np.float32)
        multiply_int8(matrix, quantized(matrix, x), out)
        errors.append(np.sqrt(np.mean((out - exact) ** 2)))

    assert errors[1] < 0.5 * errors[0]


def test_inputs_that_are_as_expected_have_no_error() -> None:
    means, weight = normal(1, 9), normal(2, 12, 9)
    matrix = pack_int8(weight, None, ExpectedInputs(means, np.zeros(9, dtype=np.float32)))
    x, out = np.repeat(means[:, None], 16, axis=1), np.empty((12, 16), dtype=np.float32)

    multiply_int8(matrix, quantized(matrix, x), out)

    np.testing.assert_allclose(out[:, 0], weight @ means, atol=1e-5)
