"""In which order is a dense layer computed? Block of tokens, strip of rows, panel of tokens.

    for block in tokens:                         # as many as a core's part of the last cache holds
        for strip in rows:                       # its weights come from memory once a block
            for panel in block:
                sums = strip x panel             # registers, strips.py
                out = activation(sums + bias) + residual

The order is the same for float32 and for bytes; what a number of the sums means is not. A variant
for weights with zeros would replace the product of a strip and a panel, and nothing else.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from lsr.kernels.transformer.activation import Activation, activate_reference, finish
from lsr.kernels.transformer.lanes import LANES, VECTOR_BYTES
from lsr.kernels.transformer.layout import check_activations
from lsr.kernels.transformer.strips import (
    PANEL_VECTORS,
    STRIP_ROWS,
    block_vectors,
    copy_panels,
    panel_width,
)

WEIGHT_BYTES = 4
"""Width of a weight, or of a group of four bytes."""

_NO_RESIDUAL = np.zeros((0, 0), dtype=np.float32)


def checked_residual(
    out: NDArray[np.float32], residual: NDArray[np.float32] | None, n_rows: int, n_tokens: int
) -> NDArray[np.float32]:
    """Return what kernels add last: `residual`, or an empty array for None.

    Raises:
        InvalidInputError: `out` or `residual` is not of `n_rows` features of `n_tokens` tokens.
    """
    check_activations("out", out, n_rows, n_tokens)
    if residual is None:
        return _NO_RESIDUAL
    check_activations("residual", residual, n_rows, n_tokens)
    return residual


def layer_reference(
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
    x: NDArray[np.float32],
    activation: Activation,
    residual: NDArray[np.float32] | None,
) -> NDArray[np.float64]:
    """Say in NumPy, with 64 bits, what a layer of float32 weights must write."""
    return finished_reference(weight.astype(np.float64) @ x + bias[:, None], activation, residual)


def finished_reference(
    sums: NDArray[np.float64], activation: Activation, residual: NDArray[np.float32] | None
) -> NDArray[np.float64]:
    """Say what comes after the sums of a layer and its bias."""
    activated = activate_reference(sums, activation)
    return activated if residual is None else activated + residual


def make_dense(strip_product: Any, read_sums: Any) -> Any:
    """Make the loop for one kind of numbers.

    Args:
        strip_product: from strips.py.
        read_sums: returns 16 outputs, from the address of their sums, row, first token, and what
            `terms` the loop was given.
    """

    @numba.njit(nogil=True, error_model="numpy")
    def dense(
        strips: int,
        depth: int,
        n_rows: int,
        x: int,
        out: NDArray[np.float32],
        activation: int,
        residual: NDArray[np.float32],
        terms: Any,
    ) -> None:
        row_bytes = 4 * out.shape[1]
        n_vectors = row_bytes // VECTOR_BYTES
        n_block = max(1, min(n_vectors, block_vectors(depth)))
        is_one_panel = n_vectors <= PANEL_VECTORS
        panels = np.empty((0 if is_one_panel else n_block, depth, LANES), dtype=np.float32)
        sums = np.empty((STRIP_ROWS, PANEL_VECTORS, LANES), dtype=np.float32)
        lanes, lanes_step = x, row_bytes
        for first in range(0, n_vectors, n_block):
            n_here = min(n_block, n_vectors - first)
            if not is_one_panel:
                source = x + first * VECTOR_BYTES
                copy_panels(source, row_bytes, depth, n_here, panels.ctypes.data)
            for strip_row in range(0, n_rows, STRIP_ROWS):
                scalars = strips + strip_row * depth * WEIGHT_BYTES
                done = 0
                while done < n_here:
                    # 1. The sums of eight rows and the tokens of a panel.
                    width = panel_width(n_here - done)
                    if not is_one_panel:
                        lanes = panels.ctypes.data + done * depth * VECTOR_BYTES
                        lanes_step = width * VECTOR_BYTES
                    strip_product(
                        scalars,
                        WEIGHT_BYTES,
                        STRIP_ROWS * WEIGHT_BYTES,
                        lanes,
                        lanes_step,
                        depth,
                        sums.ctypes.data,
                        PANEL_VECTORS * VECTOR_BYTES,
                        width,
                    )
                    # 2. What the sums mean, activation, residual.
                    for row in range(min(STRIP_ROWS, n_rows - strip_row)):
                        for vector in range(width):
                            token = (first + done + vector) * LANES
                            place = (strip_row + row) * row_bytes + token * 4
                            finish(
                                read_sums(
                                    sums.ctypes.data
                                    + (row * PANEL_VECTORS + vector) * VECTOR_BYTES,
                                    strip_row + row,
                                    token,
                                    terms,
                                ),
                                activation,
                                residual.ctypes.data + place if residual.size else 0,
                                out.ctypes.data + place,
                            )
                    done += width

    return dense
