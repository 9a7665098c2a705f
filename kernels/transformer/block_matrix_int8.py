"""What is a layer of 4x1 blocks with 8-bit weights and 8-bit activations?

The numbers mean what they mean in matrix_int8.py: a scale a row, a scale and a low end a token, and
expected inputs. Only the order differs, in which four blocks of a strip make a step.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from lsr.kernels._compile import kernel
from lsr.kernels.transformer.activation import Activation
from lsr.kernels.transformer.block_tiles import (
    BLOCK_ROWS,
    STEP_BLOCKS,
    byte_block_tile,
    deal_lines,
    deal_short_lines,
)
from lsr.kernels.transformer.blocks import block_pattern, blocks_of, make_block_product
from lsr.kernels.transformer.dense import checked_residual
from lsr.kernels.transformer.lanes import VECTOR_BYTES
from lsr.kernels.transformer.matrix_int8 import (
    ExpectedInputs,
    PackedInt8Matrix,
    SumTerms,
    multiply_int8_reference,
    pack_int8,
    read_sums,
    unpack_int8,
)
from lsr.kernels.transformer.quantization import GROUP, QuantizedActivations, check_quantized


class PackedInt8BlockMatrix(NamedTuple):
    """A matrix of blocks of bytes as the kernel reads it, made by `pack_int8_blocks`. Read-only.

    Attributes:
        starts: shape (n_strips + 1,), the steps of strip ``s`` are ``starts[s]`` to
            ``starts[s + 1]``.
        columns: shape (n_steps, STEP_BLOCKS), the columns of each step.
        rows: as `BlockPattern` has them.
        values: shape (n_steps, BLOCK_ROWS, STEP_BLOCKS), zero where a strip has no more blocks.
        scales: as `PackedInt8Matrix` has them, as the four that follow.
        sums: shape (n_rows,).
        bias: shape (n_rows,).
        factors: shape (n_columns,).
        shifts: shape (n_columns,).
    """

    starts: NDArray[np.int64]
    columns: NDArray[np.uint16]
    rows: NDArray[np.int64]
    values: NDArray[np.int8]
    scales: NDArray[np.float32]
    sums: NDArray[np.float32]
    bias: NDArray[np.float32]
    factors: NDArray[np.float32]
    shifts: NDArray[np.float32]


def pack_int8_blocks(
    weight: NDArray[np.float32],
    bias: NDArray[np.float32] | None = None,
    inputs: ExpectedInputs | None = None,
) -> PackedInt8BlockMatrix:
    """Round a matrix to bytes, row by row, and keep its blocks that are not zero.

    Args:
        weight: shape (n_rows, n_columns).
        bias: shape (n_rows,), or None for none.
        inputs: what is expected of the inputs, or None for nothing.
    """
    dense = pack_int8(weight, bias, inputs)
    pattern = block_pattern(weight)
    blocks = blocks_of(unpack_int8(dense), pattern)
    n_blocks = np.diff(pattern.starts)
    n_steps = -(-n_blocks // STEP_BLOCKS)
    starts = np.concatenate([[0], np.cumsum(n_steps)]).astype(np.int64)
    # Where each block goes: after the filled-up steps of the strips before its own.
    gaps = np.repeat(starts[:-1] * STEP_BLOCKS - pattern.starts[:-1], n_blocks)
    places = np.arange(blocks.shape[0]) + gaps
    columns = np.zeros(starts[-1] * STEP_BLOCKS, dtype=np.uint16)
    columns[places] = pattern.columns
    values = np.zeros((columns.size, BLOCK_ROWS), dtype=np.int8)
    values[places] = blocks
    packed = PackedInt8BlockMatrix(
        starts,
        columns.reshape(-1, STEP_BLOCKS),
        pattern.rows,
        values.reshape(-1, STEP_BLOCKS, BLOCK_ROWS).transpose(0, 2, 1).copy(),
        *dense[1:],
    )
    for array in packed:
        array.flags.writeable = False
    return packed


def multiply_int8_blocks_reference(
    matrix: PackedInt8Matrix,
    x: QuantizedActivations,
    activation: Activation = Activation.NONE,
    residual: NDArray[np.float32] | None = None,
) -> NDArray[np.float64]:
    """Say in NumPy what `multiply_int8_blocks` must write: what the same matrix gives, unpruned.

    Args:
        matrix: the dense matrix of the same weights, as `pack_int8` makes it.
        x: as `multiply_int8_blocks` takes it.
        activation: what is applied to the product.
        residual: added last.
    """
    return multiply_int8_reference(matrix, x, activation, residual)


def multiply_int8_blocks(
    matrix: PackedInt8BlockMatrix,
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
    check_quantized("x", x, -(-matrix.factors.size // GROUP), n_tokens)
    after = checked_residual(out, residual, matrix.bias.size, n_tokens)
    _multiply_int8_blocks(*matrix[:7], *x, out, int(activation), after)


@numba.njit(nogil=True, error_model="numpy")
def _copy_lines(x: int, row_bytes: int, depth: int, n_vectors: int, panel: int) -> None:
    """Write the bytes of each feature; where vectors are missing, the last one stands for them."""
    if n_vectors == 1:
        for group in range(depth):
            deal_short_lines(x + group * row_bytes, panel + group * VECTOR_BYTES)
        return
    last = n_vectors - 1
    for group in range(depth):
        source = x + group * row_bytes
        deal_lines(
            source,
            source + min(1, last) * VECTOR_BYTES,
            source + min(2, last) * VECTOR_BYTES,
            source + min(3, last) * VECTOR_BYTES,
            panel,
        )
        panel += GROUP * VECTOR_BYTES


_product = make_block_product(_copy_lines, byte_block_tile, STEP_BLOCKS, read_sums)


@kernel
def _multiply_int8_blocks(
    starts: NDArray[np.int64],
    columns: NDArray[np.uint16],
    rows: NDArray[np.int64],
    packed_values: NDArray[np.int8],
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
    _product(
        starts,
        columns.ctypes.data,
        packed_values.ctypes.data,
        rows,
        values.ctypes.data,
        values.shape[0],
        out,
        activation,
        residual,
        SumTerms(row_scales, row_sums, bias, token_scales, token_lows),
    )
