import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsr.kernels.transformer import (
    Activation,
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


def quantized(x: Floats) -> QuantizedActivations:
    out = new_quantized(*x.shape)
    quantize(x, out)
    return out


@given(seeds, sizes, sizes, sizes, st.sampled_from(Activation), st.booleans())
@settings(deadline=None, max_examples=60)
def test_equals_reference(
    seed: int, n_rows: int, n_columns: int, n_tokens: int, activation: Activation, adds: bool
) -> None:
    matrix = pack_int8(normal(seed, n_rows, n_columns), normal(seed + 1, n_rows))
    x = quantized(activations(seed + 2, n_columns, n_tokens))
    residual = normal(seed + 3, n_rows, x.scales.size) if adds else None
    out = np.full((n_rows, x.scales.size), np.nan, dtype=np.float32)

    multiply_int8(matrix, x, out, activation, residual)

    expected = multiply_int8_reference(matrix, x, activation, residual)
    # The sums of bytes are exact; what is left is the rounding of a few float operations.
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=2e-6 * np.sqrt(n_columns) * 10)


@pytest.mark.parametrize("n_tokens", [1, 16, 47, 300])
def test_is_near_the_product_of_floats(n_tokens: int) -> None:
    weight, x = normal(1, 64, 768), activations(2, 768, n_tokens)
    out = np.empty((64, x.shape[1]), dtype=np.float32)

    multiply_int8(pack_int8(weight), quantized(x), out)

    error = out - multiply_reference(pack_matrix(weight), x)
    assert np.sqrt(np.mean(error**2)) < 0.015 * np.sqrt(768)


def test_extreme_bytes_do_not_overflow() -> None:
    """Bytes of 255 times 127: sixteen-bit sums of two products would saturate."""
    weight = np.ones((8, 4096), dtype=np.float32)
    x = np.zeros((4096, 16), dtype=np.float32)
    x[1:] = 1
    out = np.empty((8, 16), dtype=np.float32)

    multiply_int8(pack_int8(weight), quantized(x), out)

    np.testing.assert_allclose(out, 4095, rtol=1e-6)


def test_a_row_of_zeros_gives_the_bias() -> None:
    out = np.empty((1, 16), dtype=np.float32)
    matrix = pack_int8(np.zeros((1, 5), dtype=np.float32), np.array([2.5], dtype=np.float32))

    multiply_int8(matrix, quantized(activations(1, 5, 3)), out)

    assert out.tolist() == [[2.5] * 16]
