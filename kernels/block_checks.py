"""Which blocks do some spans of bytes touch that have not been checked yet?

A query reads some hundred posting lists, each a span of a mapped file. Once their blocks have been
checked, finding that out again must cost next to nothing beside the query itself.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray


def unchecked_blocks_reference(
    is_checked: NDArray[np.bool_], begins: NDArray[np.int64], ends: NDArray[np.int64], size: int
) -> NDArray[np.int64]:
    """Say in NumPy what `unchecked_blocks` must return."""
    is_touched = np.zeros(is_checked.size, dtype=bool)
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        if begin < end:
            is_touched[begin // size : (end - 1) // size + 1] = True
    return np.flatnonzero(is_touched & ~is_checked)


def unchecked_blocks(
    is_checked: NDArray[np.bool_], begins: NDArray[np.int64], ends: NDArray[np.int64], size: int
) -> NDArray[np.int64]:
    """Return the blocks that spans touch and that are not checked, rising.

    Args:
        is_checked: shape (n_blocks,).
        begins: shape (n_spans,), first value of each span.
        ends: shape (n_spans,), one past its last value; a span that ends where it begins touches
            nothing, and what lies beyond the last block is passed over.
        size: values of a block.
    """
    is_wanted = np.zeros(0, dtype=np.bool_)
    if _mark_unchecked(is_checked, begins, ends, size, is_wanted):
        is_wanted = np.zeros(is_checked.size, dtype=np.bool_)
        _mark_unchecked(is_checked, begins, ends, size, is_wanted)
    return np.flatnonzero(is_wanted)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _mark_unchecked(
    is_checked: NDArray[np.bool_],
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    size: int,
    is_wanted: NDArray[np.bool_],
) -> int:
    """Mark blocks in `is_wanted`, unless it is empty, and count them, as often as touched."""
    n_found = 0
    for span in range(begins.size):
        if begins[span] < ends[span]:
            last = min((ends[span] - 1) // size, is_checked.size - 1)
            for block in range(begins[span] // size, last + 1):
                if not is_checked[block]:
                    n_found += 1
                    if is_wanted.size:
                        is_wanted[block] = True
    return n_found
