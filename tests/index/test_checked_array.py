from pathlib import Path

import numpy as np
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from lsr.errors import CorruptIndexError
from lsr.index import checked_array as subject

N_BLOCKS = 5
BLOCK = subject.BLOCK_BYTES
_PLACES = st.integers(0, N_BLOCKS * BLOCK) | st.integers(0, N_BLOCKS).map(BLOCK.__mul__)
_SPANS = st.lists(st.tuples(_PLACES, _PLACES), max_size=4)


def _array(damaged: int) -> subject.CheckedArray:
    """Five blocks of bytes, of which one is not what its checksum says."""
    values = np.zeros(N_BLOCKS * BLOCK, dtype=np.uint8)
    checksums = np.full(N_BLOCKS, xxhash.xxh3_64_intdigest(bytes(BLOCK)), dtype=np.uint64)
    values[damaged * BLOCK + 7] = 1
    return subject.CheckedArray(values, checksums, Path("file.arrays"), "impacts")


@given(st.lists(_SPANS, min_size=1, max_size=3), st.integers(0, N_BLOCKS - 1))
@settings(deadline=None)
def test_damage_is_found_when_a_span_touches_it_and_not_before(
    calls: list[list[tuple[int, int]]], damaged: int
) -> None:
    array, block = _array(damaged), range(damaged * BLOCK, (damaged + 1) * BLOCK)

    for spans in calls:
        begins = np.array([begin for begin, _ in spans], dtype=np.int64)
        ends = np.array([end for _, end in spans], dtype=np.int64)
        # A span that ends where it begins, or before, touches nothing.
        if any(max(begin, block.start) < min(end, block.stop) for begin, end in spans):
            with pytest.raises(CorruptIndexError, match=rf"bytes {block.start:,} to"):
                array.check_spans(begins, ends)
        else:
            array.check_spans(begins, ends)


def test_a_span_beyond_the_end_is_checked_up_to_it() -> None:
    beyond = np.array([BLOCK]), np.array([9 * N_BLOCKS * BLOCK])

    _array(damaged=0).check_spans(*beyond)
    with pytest.raises(CorruptIndexError):
        _array(damaged=N_BLOCKS - 1).check_spans(*beyond)
