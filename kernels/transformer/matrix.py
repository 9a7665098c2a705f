"""What is a dense layer, ``out = activation(W x + bias) + residual``, in float32?"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from lsr.kernels._compile import kernel
from lsr.kernels.transformer.activation import Activation
from lsr.kernels.transformer.dense import (
    checked_residual,
    layer_reference,
    make_dense,
)
from lsr.kernels.transformer.lanes import load, spread
from lsr.kernels.transformer.layout import check_activations
from lsr.kernels.transformer.strips import STRIP_ROWS, float_strip


class PackedMatrix(NamedTuple):
    """A matrix as the kernel reads it, made by `pack_matrix`. Read-only.

    Attributes:
        strips: shape (n_strips, n_columns, STRIP_ROWS), ``strips[s, c, r]`` is the weight of row
            ``STRIP_ROWS * s + r`` and column ``c``; zero beyond the last row.
        bias: shape (n_rows,).
    """

    strips: NDArray[np.float32]
    bias: NDArray[np.float32]


def pack_matrix(
    weight: NDArray[np.float32], bias: NDArray[np.float32] | None = None
) -> PackedMatrix:
    """Bring a matrix into the order in which it is read.

    Args:
        weight: shape (n_rows, n_columns).
        bias: shape (n_rows,), or None for none.
    """
    n_rows, n_columns = weight.shape
    n_strips = -(-n_rows // STRIP_ROWS)
    padded = np.zeros((n_strips * STRIP_ROWS, n_columns), dtype=np.float32)
    padded[:n_rows] = weight
    strips = padded.reshape(n_strips, STRIP_ROWS, n_columns).transpose(0, 2, 1).copy()
    own_bias = np.zeros(n_rows, dtype=np.float32) if bias is None else bias.astype(np.float32)
    strips.flags.writeable = own_bias.flags.writeable = False
    return PackedMatrix(strips, own_bias)


def unpack_matrix(matrix: PackedMatrix) -> NDArray[np.float32]:
    """Return the weights again, shape (n_rows, n_columns)."""
    n_strips, n_columns, _ = matrix.strips.shape
    rows = matrix.strips.transpose(0, 2, 1).reshape(n_strips * STRIP_ROWS, n_columns)
    return rows[: matrix.bias.size]


def multiply_reference(
    matrix: PackedMatrix,
    x: NDArray[np.float32],
    activation: Activation = Activation.NONE,
    residual: NDArray[np.float32] | None = None,
) -> NDArray[np.float64]:
    """Say in NumPy, with 64 bits, what `multiply` must write."""
    return layer_reference(unpack_matrix(matrix), matrix.bias, x, activation, residual)


def multiply(
    matrix: PackedMatrix,
    x: NDArray[np.float32],
    out: NDArray[np.float32],
    activation: Activation = Activation.NONE,
    residual: NDArray[np.float32] | None = None,
) -> None:
    """Write ``activation(W x + bias) + residual``.

    Args:
        matrix: W, of shape (n_rows, n_columns), and its bias.
        x: shape (n_columns, padded tokens), see layout.py.
        out: shape (n_rows, padded tokens), overwritten; shares no memory with x.
        activation: what is applied to the product.
        residual: shape of `out`, added last; may be `out` itself.
    """
    n_tokens = x.shape[1]
    check_activations("x", x, matrix.strips.shape[1], n_tokens)
    after = checked_residual(out, residual, matrix.bias.size, n_tokens)
    _multiply(matrix.strips, matrix.bias, x, out, int(activation), after)


@numba.njit(nogil=True, error_model="numpy", forceinline=True)
def add_bias(sums: int, row: int, token: int, bias: NDArray[np.float32]) -> Any:
    """Return 16 outputs of a row: their sums and its bias."""
    return load(sums) + spread(bias[row])


_dense = make_dense(float_strip, add_bias)


@kernel
def _multiply(
    strips: NDArray[np.float32],
    bias: NDArray[np.float32],
    x: NDArray[np.float32],
    out: NDArray[np.float32],
    activation: int,
    residual: NDArray[np.float32],
) -> None:
    depth = x.shape[0]
    _dense(strips.ctypes.data, depth, bias.size, x.ctypes.data, out, activation, residual, bias)
