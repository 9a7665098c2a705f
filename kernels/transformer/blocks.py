"""Which blocks does a matrix with zeros have, and in which order are they multiplied?

A block is four rows of one column. Rows may be taken in any order, since each is written where it
belongs; those that are zero in the same columns come together, so that rows clustered before they
were pruned are found again, and nothing needs to remember the clusters.

    for panel in tokens:                         # stays in the second-level cache
        for strip in rows:                       # four rows, the blocks of which are not zero
            sums = blocks x panel                # registers, block_tiles.py
            out = activation(sums + bias) + residual

A dense layer goes the other way round (dense.py): there, weights are most of what is read. Here a
block reads sixteen bytes of weights, and 256 of a token panel from anywhere in it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from lsr.kernels.transformer.activation import finish
from lsr.kernels.transformer.block_tiles import BLOCK_ROWS, COLUMN_BYTES, VALUE_BYTES
from lsr.kernels.transformer.lanes import LANES, VECTOR_BYTES
from lsr.kernels.transformer.processor import WIDE_TILES

PANEL_VECTORS = 4 if WIDE_TILES else 1
"""Vectors of tokens of a panel. 4 x 4 sums fill half of 32 registers, and a line of bytes."""

PANEL_ROW = 4 * VECTOR_BYTES
"""Bytes of a panel for each feature in float32, or for each group of four in bytes."""

SUMS_STEP = PANEL_VECTORS * VECTOR_BYTES


class BlockPattern(NamedTuple):
    """Where the blocks of a matrix are. Read-only.

    Attributes:
        starts: shape (n_strips + 1,), the blocks of strip ``s`` are ``starts[s]`` to
            ``starts[s + 1]``.
        columns: shape (n_blocks,), column of each block, rising in each strip.
        rows: shape (n_strips * BLOCK_ROWS,), the rows of each strip; the number of rows of the
            matrix where there are no more.
    """

    starts: NDArray[np.int64]
    columns: NDArray[np.uint16]
    rows: NDArray[np.int64]


def block_pattern(weight: NDArray[Any]) -> BlockPattern:
    """Return the blocks that hold all of a matrix that is not zero.

    Args:
        weight: shape (n_rows, n_columns), of at most 65,536 columns.
    """
    n_rows, n_columns = weight.shape
    assert n_columns <= 1 << 16
    is_kept = weight != 0
    n_strips = -(-n_rows // BLOCK_ROWS)
    rows = np.full(n_strips * BLOCK_ROWS, n_rows, dtype=np.int64)
    rows[:n_rows] = _by_support(is_kept)
    padded = np.zeros((n_rows + 1, n_columns), dtype=np.bool_)
    padded[:n_rows] = is_kept
    is_block = padded[rows].reshape(n_strips, BLOCK_ROWS, n_columns).any(axis=1)
    starts = np.concatenate([[0], np.cumsum(is_block.sum(axis=1))]).astype(np.int64)
    return BlockPattern(starts, np.nonzero(is_block)[1].astype(np.uint16), rows)


def _by_support(is_kept: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the rows in an order that puts those of equal columns together."""
    n_rows = is_kept.shape[0]
    whole = is_kept[: n_rows - n_rows % BLOCK_ROWS].reshape(-1, BLOCK_ROWS, is_kept.shape[1])
    if (whole == whole[:, :1]).all():
        return np.arange(n_rows)
    supports = np.packbits(is_kept, axis=1)
    _, numbers = np.unique(supports, axis=0, return_inverse=True)
    return np.argsort(numbers.reshape(-1), kind="stable")


def block_share(weight: NDArray[Any]) -> float:
    """Return the share of a matrix that lies in blocks that are not zero.

    Args:
        weight: shape (n_rows, n_columns).
    """
    pattern = block_pattern(weight)
    return pattern.columns.size * BLOCK_ROWS / max(1, weight.size)


def blocks_of(weight: NDArray[Any], pattern: BlockPattern) -> NDArray[Any]:
    """Return the values of each block, shape (n_blocks, BLOCK_ROWS)."""
    padded = np.concatenate([weight, np.zeros((1, weight.shape[1]), dtype=weight.dtype)])
    strips = np.repeat(np.arange(pattern.starts.size - 1), np.diff(pattern.starts))
    rows = pattern.rows.reshape(-1, BLOCK_ROWS)[strips]
    return np.ascontiguousarray(padded[rows, pattern.columns[:, None]])


def make_block_product(copy_panel: Any, tile: Any, step_blocks: int, read_sums: Any) -> Any:
    """Make the loop for one kind of numbers.

    Args:
        copy_panel: copies vectors of tokens, from their address, bytes of a row, depth, number of
            vectors, to an address.
        tile: from block_tiles.py.
        step_blocks: blocks that the tile takes at once, of 16 bytes together.
        read_sums: as `make_dense` takes it.
    """
    column_bytes = COLUMN_BYTES * step_blocks

    @numba.njit(nogil=True, error_model="numpy", forceinline=True)
    def multiply_strips(
        values: int,
        columns: int,
        depth: int,
        next_depth: int,
        panel: int,
        sums: int,
        width: int,
    ) -> None:
        """Multiply one strip with the panel, or two where the panel is one vector of several."""
        if PANEL_VECTORS == 1:
            tile(1, 1, values, columns, depth, 0, panel, sums, SUMS_STEP)
        elif width == 1:
            tile(2, 1, values, columns, depth, next_depth, panel, sums, SUMS_STEP)
        elif width == 2:
            tile(1, 2, values, columns, depth, 0, panel, sums, SUMS_STEP)
        elif width == 3:
            tile(1, 3, values, columns, depth, 0, panel, sums, SUMS_STEP)
        else:
            tile(1, 4, values, columns, depth, 0, panel, sums, SUMS_STEP)

    @numba.njit(nogil=True, error_model="numpy")
    def block_product(
        starts: NDArray[np.int64],
        columns: int,
        values: int,
        rows: NDArray[np.int64],
        x: int,
        depth: int,
        out: NDArray[np.float32],
        activation: int,
        residual: NDArray[np.float32],
        terms: Any,
    ) -> None:
        row_bytes = 4 * out.shape[1]
        n_vectors = row_bytes // VECTOR_BYTES
        n_strips = starts.size - 1
        buffer = np.empty(depth * PANEL_ROW + VECTOR_BYTES, dtype=np.uint8)
        sums = np.empty((2 * BLOCK_ROWS, PANEL_VECTORS, LANES), dtype=np.float32)
        for first in range(0, n_vectors, PANEL_VECTORS):
            # Taken here: after its last use an array is freed, whoever has its address.
            panel = (buffer.ctypes.data + VECTOR_BYTES - 1) // VECTOR_BYTES * VECTOR_BYTES
            width = min(PANEL_VECTORS, n_vectors - first)
            copy_panel(x + first * VECTOR_BYTES, row_bytes, depth, width, panel)
            n_together = 2 if width == 1 and PANEL_VECTORS > 1 else 1
            for strip in range(0, n_strips, n_together):
                # 1. The sums of the rows of a strip, or two, and the tokens of the panel.
                begin, end = starts[strip], starts[strip + 1]
                multiply_strips(
                    values + begin * VALUE_BYTES,
                    columns + begin * column_bytes,
                    end - begin,
                    starts[min(strip + 2, n_strips)] - end,
                    panel,
                    sums.ctypes.data,
                    width,
                )
                # 2. What the sums mean, activation, residual.
                for place in range(min(n_together, n_strips - strip) * BLOCK_ROWS):
                    row = rows[strip * BLOCK_ROWS + place]
                    if row < out.shape[0]:
                        for vector in range(width):
                            token = (first + vector) * LANES
                            at = row * row_bytes + token * 4
                            finish(
                                read_sums(
                                    sums.ctypes.data + place * SUMS_STEP + vector * VECTOR_BYTES,
                                    row,
                                    token,
                                    terms,
                                ),
                                activation,
                                residual.ctypes.data + at if residual.size else 0,
                                out.ctypes.data + at,
                            )

    return block_product
