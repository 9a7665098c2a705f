"""What is a layer of 4x1 blocks, ``out = activation(W x + bias) + residual``, in float32?"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from lsr.kernels._compile import kernel
from lsr.kernels.transformer.activation import Activation
from lsr.kernels.transformer.block_tiles import BLOCK_ROWS, float_block_tile
from lsr.kernels.transformer.blocks import (
    block_pattern,
    blocks_of,
    make_block_product,
)
from lsr.kernels.transformer.dense import checked_residual, layer_reference
from lsr.kernels.transformer.lanes import VECTOR_BYTES, load, store
from lsr.kernels.transformer.layout import check_activations
from lsr.kernels.transformer.matrix import add_bias


class PackedBlockMatrix(NamedTuple):
    """A matrix of blocks as the kernel reads it, made by `pack_blocks`. Read-only.

    Attributes:
        starts: as `BlockPattern` has them.
        columns: as `BlockPattern` has them.
        rows: as `BlockPattern` has them.
        values: shape (n_blocks, BLOCK_ROWS).
        bias: shape (n_rows,).
        n_columns: shape (1,).
    """

    starts: NDArray[np.int64]
    columns: NDArray[np.uint16]
    rows: NDArray[np.int64]
    values: NDArray[np.float32]
    bias: NDArray[np.float32]
    n_columns: NDArray[np.int64]


def pack_blocks(
    weight: NDArray[np.float32], bias: NDArray[np.float32] | None = None
) -> PackedBlockMatrix:
    """Keep the blocks of a matrix that are not zero.

    Args:
        weight: shape (n_rows, n_columns).
        bias: shape (n_rows,), or None for none.
    """
    pattern = block_pattern(weight)
    values = blocks_of(weight.astype(np.float32, copy=False), pattern)
    own_bias = np.zeros(len(weight), dtype=np.float32) if bias is None else bias.astype(np.float32)
    packed = PackedBlockMatrix(*pattern, values, own_bias, np.array([weight.shape[1]]))
    for array in packed:
        array.flags.writeable = False
    return packed


def unpack_blocks(matrix: PackedBlockMatrix) -> NDArray[np.float32]:
    """Return the weights again, shape (n_rows, n_columns)."""
    n_rows = matrix.bias.size
    weight = np.zeros((n_rows + 1, int(matrix.n_columns[0])), dtype=np.float32)
    strips = np.repeat(np.arange(matrix.starts.size - 1), np.diff(matrix.starts))
    rows = matrix.rows.reshape(-1, BLOCK_ROWS)[strips]
    weight[rows, matrix.columns[:, None]] = matrix.values
    return weight[:n_rows]


def multiply_blocks_reference(
    matrix: PackedBlockMatrix,
    x: NDArray[np.float32],
    activation: Activation = Activation.NONE,
    residual: NDArray[np.float32] | None = None,
) -> NDArray[np.float64]:
    """Say in NumPy, with 64 bits, what `multiply_blocks` must write."""
    return layer_reference(unpack_blocks(matrix), matrix.bias, x, activation, residual)


def multiply_blocks(
    matrix: PackedBlockMatrix,
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
    check_activations("x", x, int(matrix.n_columns[0]), n_tokens)
    after = checked_residual(out, residual, matrix.bias.size, n_tokens)
    _multiply_blocks(*matrix[:5], x, out, int(activation), after)


@numba.njit(nogil=True, error_model="numpy")
def _copy_panel(x: int, row_bytes: int, depth: int, n_vectors: int, panel: int) -> None:
    for feature in range(depth):
        source = x + feature * row_bytes
        for vector in range(0, n_vectors * VECTOR_BYTES, VECTOR_BYTES):
            store(panel + vector, load(source + vector))
        panel += n_vectors * VECTOR_BYTES


_product = make_block_product(_copy_panel, float_block_tile, 1, add_bias)


@kernel
def _multiply_blocks(
    starts: NDArray[np.int64],
    columns: NDArray[np.uint16],
    rows: NDArray[np.int64],
    values: NDArray[np.float32],
    bias: NDArray[np.float32],
    x: NDArray[np.float32],
    out: NDArray[np.float32],
    activation: int,
    residual: NDArray[np.float32],
) -> None:
    _product(
        starts,
        columns.ctypes.data,
        values.ctypes.data,
        rows,
        x.ctypes.data,
        x.shape[0],
        out,
        activation,
        residual,
        bias,
    )
