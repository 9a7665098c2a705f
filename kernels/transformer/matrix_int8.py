"""What is a dense layer with 8-bit weights and 8-bit activations?

Every row of W has a scale, w = scale * q with q in [-127, 127]; every token has a scale and a low
end, x = scale * q + low with q in [0, 255] (quantization.py). The sum of products of bytes is an
exact 32-bit integer; only then come floats:

    W x  =  w_scale * (x_scale * sum(w_q * x_q) + low * sum(w_q))

What is expected of the inputs makes the bytes count for more. With their means m, any factors f,

    W x + bias  =  (W / f) (f (x - m)) + (bias + W m),

and only the deviations from the means are rounded. f shares the range of a feature between weights
and inputs: f = sqrt(size of the feature's weights / its spread).

Paper: G. Xiao, J. Lin, M. Seznec, H. Wu, J. Demouth, S. Han, "SmoothQuant: Accurate and Efficient
Post-Training Quantization for Large Language Models", ICML 2023, for the factors.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from lsr.kernels._compile import kernel
from lsr.kernels.transformer.activation import Activation
from lsr.kernels.transformer.dense import (
    checked_residual,
    finished_reference,
    make_dense,
)
from lsr.kernels.transformer.lanes import load, load_integers, multiply_add, spread
from lsr.kernels.transformer.quantization import (
    GROUP,
    QuantizedActivations,
    check_quantized,
    quantize_rows,
)
from lsr.kernels.transformer.strips import STRIP_ROWS, byte_strip


class ExpectedInputs(NamedTuple):
    """What is known of the inputs of a matrix before there are any.

    Attributes:
        means: shape (n_columns,).
        spreads: shape (n_columns,), standard deviations, relative to each other.
    """

    means: NDArray[np.float32]
    spreads: NDArray[np.float32]


class PackedInt8Matrix(NamedTuple):
    """A matrix of bytes as the kernel reads it, made by `pack_int8`. Read-only.

    Attributes:
        strips: shape (n_strips, n_groups, STRIP_ROWS, GROUP), ``strips[s, g, r, i]`` is the
            weight of row ``STRIP_ROWS * s + r`` and column ``GROUP * g + i``; zero beyond the last.
        scales: shape (n_rows,).
        sums: shape (n_rows,), scale times the sum of the row's bytes.
        bias: shape (n_rows,).
        factors: shape (n_columns,), what inputs are multiplied by before they are rounded.
        shifts: shape (n_columns,), what is added to that.
    """

    strips: NDArray[np.int8]
    scales: NDArray[np.float32]
    sums: NDArray[np.float32]
    bias: NDArray[np.float32]
    factors: NDArray[np.float32]
    shifts: NDArray[np.float32]


def pack_int8(
    weight: NDArray[np.float32],
    bias: NDArray[np.float32] | None = None,
    inputs: ExpectedInputs | None = None,
) -> PackedInt8Matrix:
    """Round a matrix to bytes, row by row, in the order in which they are read.

    Args:
        weight: shape (n_rows, n_columns).
        bias: shape (n_rows,), or None for none.
        inputs: what is expected of the inputs, or None for nothing.
    """
    n_rows, n_columns = weight.shape
    factors, shifts = np.ones(n_columns, np.float32), np.zeros(n_columns, np.float32)
    own_bias = np.zeros(n_rows, dtype=np.float32) if bias is None else bias.astype(np.float32)
    if inputs is not None:
        factors = _factors(weight, inputs.spreads)
        shifts = -factors * inputs.means
        own_bias += weight @ inputs.means
        weight = weight / factors
    n_strips, n_groups = -(-n_rows // STRIP_ROWS), -(-n_columns // GROUP)
    values, scales = quantize_rows(weight)
    padded = np.zeros((n_strips * STRIP_ROWS, n_groups * GROUP), dtype=np.int8)
    padded[:n_rows, :n_columns] = values
    strips = padded.reshape(n_strips, STRIP_ROWS, n_groups, GROUP).transpose(0, 2, 1, 3).copy()
    sums = scales * values.sum(axis=1, dtype=np.int32).astype(np.float32)
    packed = PackedInt8Matrix(strips, scales, sums, own_bias, factors, shifts)
    for array in packed:
        array.flags.writeable = False
    return packed


def _factors(weight: NDArray[np.float32], spreads: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a factor for each column; 1 for one that is always the same, or never counts."""
    sizes = np.sqrt(np.square(weight).mean(axis=0))
    is_open = (sizes > 0) & (spreads > 0)
    shares = np.divide(sizes, spreads, out=np.ones_like(sizes), where=is_open)
    return np.sqrt(shares).astype(np.float32)


def unpack_int8(matrix: PackedInt8Matrix) -> NDArray[np.int8]:
    """Return the bytes of the weights, shape (n_rows, n_columns)."""
    n_strips, n_groups, _, _ = matrix.strips.shape
    rows = matrix.strips.transpose(0, 2, 1, 3).reshape(n_strips * STRIP_ROWS, n_groups * GROUP)
    return rows[: matrix.bias.size, : matrix.factors.size]


def multiply_int8_reference(
    matrix: PackedInt8Matrix,
    x: QuantizedActivations,
    activation: Activation = Activation.NONE,
    residual: NDArray[np.float32] | None = None,
) -> NDArray[np.float64]:
    """Say in NumPy, with exact integers and then 64 bits, what `multiply_int8` must write."""
    columns = x.values.transpose(0, 2, 1).reshape(-1, x.scales.size).astype(np.int64)
    dots = (unpack_int8(matrix).astype(np.int64) @ columns[: matrix.factors.size]) * matrix.scales[
        :, None
    ].astype(np.float64)
    product = dots * x.scales + matrix.sums[:, None].astype(np.float64) * x.lows
    return finished_reference(product + matrix.bias[:, None], activation, residual)


def multiply_int8(
    matrix: PackedInt8Matrix,
    x: QuantizedActivations,
    out: NDArray[np.float32],
    activation: Activation = Activation.NONE,
    residual: NDArray[np.float32] | None = None,
) -> None:
    """Write ``activation(W x + bias) + residual`` of bytes, as float32.

    Args:
        matrix: W, of shape (n_rows, n_columns), and its bias.
        x: n_columns features, from `quantize` with the factors and shifts of the matrix.
        out: shape (n_rows, padded tokens), overwritten.
        activation: what is applied to the product.
        residual: shape of `out`, added last; may be `out` itself.
    """
    n_tokens = x.scales.size
    check_quantized("x", x, matrix.strips.shape[1], n_tokens)
    after = checked_residual(out, residual, matrix.bias.size, n_tokens)
    _multiply_int8(*matrix[:4], *x, out, int(activation), after)


class SumTerms(NamedTuple):
    """What turns sums of bytes into floats, see the module."""

    row_scales: NDArray[np.float32]
    row_sums: NDArray[np.float32]
    bias: NDArray[np.float32]
    token_scales: NDArray[np.float32]
    token_lows: NDArray[np.float32]


@numba.njit(nogil=True, error_model="numpy", forceinline=True)
def read_sums(sums: int, row: int, token: int, terms: SumTerms) -> Any:
    """Return 16 outputs of a row: what their sums of bytes mean."""
    scale = spread(terms.row_scales[row]) * load(terms.token_scales.ctypes.data + 4 * token)
    low = load(terms.token_lows.ctypes.data + 4 * token)
    constant = multiply_add(spread(terms.row_sums[row]), low, spread(terms.bias[row]))
    return multiply_add(load_integers(sums), scale, constant)


_dense = make_dense(byte_strip, read_sums)


@kernel
def _multiply_int8(
    strips: NDArray[np.int8],
    row_scales: NDArray[np.float32],
    row_sums: NDArray[np.float32],
    bias: NDArray[np.float32],
    values: NDArray[np.uint8],
    token_scales: NDArray[np.float32],
    token_lows: NDArray[np.float32],
    out: NDArray[np.float32],
    activation: int,
    residual: NDArray[np.float32],
) -> None:
    terms = SumTerms(row_scales, row_sums, bias, token_scales, token_lows)
    x, n_groups = values.ctypes.data, values.shape[0]
    _dense(strips.ctypes.data, n_groups, bias.size, x, out, activation, residual, terms)
