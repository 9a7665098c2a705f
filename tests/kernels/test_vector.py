"""The intrinsics do what their one-line descriptions say, and LLVM makes SIMD of them."""

import re
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assembly import assembly_of
from lsr.kernels import vector as subject


@numba.njit(nogil=True, error_model="numpy")
def _add_row_u16(scores: Any, row: Any, weight: Any) -> None:
    subject.add_row_u16(scores.ctypes.data, row.ctypes.data, weight)


@numba.njit(nogil=True, error_model="numpy")
def _add_row_u32(scores: Any, row: Any, weight: Any) -> None:
    subject.add_row_u32(scores.ctypes.data, row.ctypes.data, weight)


@numba.njit(nogil=True, error_model="numpy")
def _above_u16(scores: Any, threshold: Any) -> Any:
    return subject.above_u16(scores.ctypes.data, threshold)


@numba.njit(nogil=True, error_model="numpy")
def _above_with_parts_u16(scores: Any, bounds: Any, threshold: Any) -> Any:
    return subject.above_with_parts_u16(scores.ctypes.data, bounds.ctypes.data, threshold)


@numba.njit(nogil=True, error_model="numpy")
def _clear_u16(scores: Any, place: Any) -> None:
    subject.clear_u16(scores.ctypes.data + 2 * place)


@numba.njit(nogil=True, error_model="numpy")
def _loads(values: Any, place: Any) -> Any:
    at = values.ctypes.data + place
    return subject.load_u8(at), subject.load_u16(at), subject.load_u32(at), subject.load_u64(at)


@numba.njit(nogil=True, error_model="numpy")
def _adds(short: Any, wide: Any, place: Any, value: Any) -> None:
    subject.add_u16(short.ctypes.data, np.uint64(place), np.uint64(value))
    subject.add_u32(wide.ctypes.data, np.uint64(place), np.uint64(value))


@numba.njit(nogil=True, error_model="numpy")
def _trailing_zeros(mask: Any) -> Any:
    return subject.count_trailing_zeros(np.uint64(mask))


@given(st.integers(0, 2**32), st.integers(0, 200))
@settings(deadline=None, max_examples=30)
def test_rows_are_added_in_every_lane(seed: int, weight: int) -> None:
    random = np.random.default_rng(seed)
    row = random.integers(0, 256, 64, dtype=np.uint8)
    scores = random.integers(0, 1 << 14, 64).astype(np.uint16)
    wide = scores.astype(np.uint32) << 10
    expected = scores.astype(np.int64) + weight * row.astype(np.int64)
    wide_expected = wide.astype(np.int64) + weight * row.astype(np.int64)

    _add_row_u16(scores, row, weight)
    _add_row_u32(wide, row, weight)

    assert scores.tolist() == (expected % (1 << 16)).tolist()
    assert wide.tolist() == wide_expected.tolist()


@given(st.lists(st.integers(0, 65535), min_size=64, max_size=64), st.integers(0, 65535))
@settings(deadline=None, max_examples=50)
def test_a_bit_tells_whether_a_lane_is_above(values: list[int], threshold: int) -> None:
    mask = int(_above_u16(np.array(values, dtype=np.uint16), threshold))

    assert [bool(mask >> lane & 1) for lane in range(64)] == [one > threshold for one in values]


@given(st.integers(0, 2**32), st.integers(0, 40_000))
@settings(deadline=None, max_examples=50)
def test_eight_lanes_share_a_bound(seed: int, threshold: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.integers(0, 20_000, 64).astype(np.uint16)
    bounds = random.integers(0, 20_000, subject.PARTS).astype(np.uint16)
    totals = scores.astype(np.int64) + np.repeat(bounds, 64 // subject.PARTS)

    mask = int(_above_with_parts_u16(scores, bounds, threshold))

    assert [bool(mask >> lane & 1) for lane in range(64)] == (totals > threshold).tolist()


@pytest.mark.parametrize("place", [0, 1, 33])
def test_exactly_64_lanes_are_cleared(place: int) -> None:
    scores = np.full(128, 7, dtype=np.uint16)

    _clear_u16(scores, place)

    expected = np.full(128, 7)
    expected[place : place + subject.LANES] = 0
    assert scores.tolist() == expected.tolist()


@pytest.mark.parametrize("place", [0, 1, 3])
def test_integers_are_read_where_they_lie(place: int) -> None:
    content = bytes(range(200, 216))

    found = _loads(np.frombuffer(content, dtype=np.uint8), place)

    sizes = (1, 2, 4, 8)
    assert found == tuple(int.from_bytes(content[place : place + n], "little") for n in sizes)


def test_one_integer_is_added_to() -> None:
    short, wide = np.arange(4, dtype=np.uint16), np.arange(4, dtype=np.uint32)

    _adds(short, wide, 2, 70_000)

    assert short.tolist() == [0, 1, (2 + 70_000) % 65_536, 3]
    assert wide.tolist() == [0, 1, 70_002, 3]


@given(st.integers(1, 2**64 - 1))
@settings(deadline=None)
def test_the_lowest_bit_is_found(mask: int) -> None:
    assert _trailing_zeros(np.uint64(mask)) == (mask & -mask).bit_length() - 1


def test_rows_and_masks_are_simd() -> None:
    scores, row = np.zeros(64, dtype=np.uint16), np.zeros(64, dtype=np.uint8)

    assert re.search(r"\bv?pmullw\b", assembly_of(_add_row_u16, scores, row, 3))
    assert re.search(r"\bv?p(cmp\w*w|subusw|maxuw|minuw)\b", assembly_of(_above_u16, scores, 3))
