"""How is a strip of 8 rows computed for the tokens of a panel, with the tiles of this processor?

A panel holds the tokens of up to three vectors (48 tokens), copied so that they lie side by side:
in place, the features of a token are a row apart, often a power of two of bytes, and fall into few
sets of the caches. Rows of float32 and groups of four bytes have the same width, so that panels and
the order of computation are the same for both.
"""

from __future__ import annotations

from typing import Any

import numba

from lsr.kernels.transformer.lanes import LANES, VECTOR_BYTES, load, store
from lsr.kernels.transformer.processor import WIDE_TILES
from lsr.kernels.transformer.tiles import byte_max_tile, byte_tile, float_tile

STRIP_ROWS = 8
"""Rows of a matrix that are computed together, on every processor, so that a packed matrix fits
all of them."""

PANEL_VECTORS = 3

STRIP_TERMS = PANEL_VECTORS * LANES
"""Terms of a vocabulary that are computed together."""

_TERMS_STEP = 4 * STRIP_TERMS

BLOCK_BYTES = 1 << 21
"""Panels that are multiplied with a strip before the next strip is read: a core's part of the
last-level cache. Panels are read faster from there than weights from memory."""


@numba.njit(nogil=True, error_model="numpy")
def panel_width(n_left: int) -> int:
    """Return how many of the vectors left the next panel takes: 3, or 2 and 2 for the last 4."""
    return 2 if n_left == 4 else min(PANEL_VECTORS, n_left)


@numba.njit(nogil=True, error_model="numpy")
def block_vectors(depth: int) -> int:
    """Return how many vectors of tokens make a block."""
    n_panels = BLOCK_BYTES // (PANEL_VECTORS * VECTOR_BYTES * depth)
    return PANEL_VECTORS * max(1, n_panels)


@numba.njit(nogil=True, error_model="numpy")
def copy_panels(x: int, row_bytes: int, depth: int, n_vectors: int, panels: int) -> None:
    """Copy vectors of `depth` rows: panel after panel, in each row after row."""
    first = 0
    while first < n_vectors:
        width = panel_width(n_vectors - first)
        for k in range(depth):
            source = x + k * row_bytes + first * VECTOR_BYTES
            for vector in range(width):
                store(panels, load(source + vector * VECTOR_BYTES))
                panels += VECTOR_BYTES
        first += width


def _make_strip_product(tile: Any) -> Any:
    @numba.njit(nogil=True, error_model="numpy")
    def strip_product(
        scalars: int,
        row_step: int,
        depth_step: int,
        lanes: int,
        lanes_step: int,
        depth: int,
        out: int,
        out_step: int,
        n_vectors: int,
    ) -> None:
        if WIDE_TILES:
            if n_vectors == 3:
                tile(8, 3, scalars, row_step, depth_step, lanes, lanes_step, depth, out, out_step)
            elif n_vectors == 2:
                tile(8, 2, scalars, row_step, depth_step, lanes, lanes_step, depth, out, out_step)
            else:
                tile(8, 1, scalars, row_step, depth_step, lanes, lanes_step, depth, out, out_step)
            return
        for row in range(0, STRIP_ROWS, 4):
            for vector in range(0, n_vectors * VECTOR_BYTES, VECTOR_BYTES):
                tile(
                    4,
                    1,
                    scalars + row * row_step,
                    row_step,
                    depth_step,
                    lanes + vector,
                    lanes_step,
                    depth,
                    out + row * out_step + vector,
                    out_step,
                )

    return strip_product


float_strip = _make_strip_product(float_tile)
"""`float_tile` for 8 rows and `n_vectors` of 1 to 3 vectors, by as many tiles as it takes."""

byte_strip = _make_strip_product(byte_tile)
"""The same with `byte_tile`."""


@numba.njit(nogil=True, error_model="numpy")
def byte_max_strip(tokens: int, terms: int, depth: int, maxima: int) -> None:
    """`byte_max_tile` for 8 of 16 tokens that lie side by side, and 48 terms."""
    if WIDE_TILES:
        byte_max_tile(8, 3, tokens, 4, VECTOR_BYTES, terms, _TERMS_STEP, depth, maxima)
        return
    for token in range(0, 4 * STRIP_ROWS, 16):
        for vector in range(0, _TERMS_STEP, VECTOR_BYTES):
            scalars, lanes = tokens + token, terms + vector
            byte_max_tile(
                4, 1, scalars, 4, VECTOR_BYTES, lanes, _TERMS_STEP, depth, maxima + vector
            )
