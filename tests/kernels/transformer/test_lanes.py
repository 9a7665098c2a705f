"""The operations on vectors do what their one-line descriptions say."""

from typing import Any

import numba
import numpy as np
import pytest

from lsr.kernels.transformer import lanes
from transformer_inputs import normal


@numba.njit(nogil=True, error_model="numpy")
def _arithmetic(a: Any, b: Any, out: Any) -> None:
    x, y = lanes.load(a.ctypes.data), lanes.load(b.ctypes.data)
    results = (
        x + y,
        x - y,
        x * y,
        x / y,
        lanes.maximum(x, y),
        lanes.minimum(x, y),
        lanes.multiply_add(x, y, x),
        lanes.square_root(x * x),
        lanes.nearest(x),
        lanes.spread(b[3]),
        lanes.spread_at(b.ctypes.data + 12),
        lanes.zeros(),
    )
    for row in range(len(results)):
        lanes.store(out.ctypes.data + 64 * row, results[row])


def test_arithmetic_is_lane_by_lane() -> None:
    a, b = normal(1, 16) * 5, normal(2, 16)
    a[0] = 2.5
    out = np.empty((12, 16), dtype=np.float32)

    _arithmetic(a, b, out)

    expected = [a + b, a - b, a * b, a / b, np.maximum(a, b), np.minimum(a, b), a * b + a]
    expected += [np.abs(a), np.rint(a), np.full(16, b[3]), np.full(16, b[3]), np.zeros(16)]
    np.testing.assert_allclose(out, expected, rtol=1e-6, atol=1e-6)


@numba.njit(nogil=True, error_model="numpy")
def _first(source: Any, n: int, loaded: Any, stored: Any) -> None:
    vector = lanes.load_first(source.ctypes.data, n)
    lanes.store(loaded.ctypes.data, vector)
    lanes.store_first(stored.ctypes.data, vector, n)


@pytest.mark.parametrize("n", [1, 5, 16, 40])
def test_only_the_first_lanes_are_touched(n: int) -> None:
    source = np.arange(1, 17, dtype=np.float32)
    loaded, stored = np.empty(16, dtype=np.float32), np.zeros(16, dtype=np.float32)

    _first(source, n, loaded, stored)

    places = np.arange(16)
    assert loaded.tolist() == np.where(places < n, source, 1).tolist()
    assert stored.tolist() == np.where(places < n, source, 0).tolist()


@numba.njit(nogil=True, error_model="numpy")
def _look(a: Any) -> Any:
    vector = lanes.load(a.ctypes.data)
    return lanes.above_zero(vector), lanes.largest_lane(vector)


def test_a_bit_tells_whether_a_lane_is_above_zero() -> None:
    a = normal(1, 16)
    a[2] = 0

    mask, largest = _look(a)

    assert [bool(mask >> lane & 1) for lane in range(16)] == (a > 0).tolist()
    assert largest == a.max()


@numba.njit(nogil=True, error_model="numpy")
def _exponents(a: Any, exponents: Any, powers: Any) -> None:
    exponent = lanes.exponent(lanes.load(a.ctypes.data))
    lanes.store(exponents.ctypes.data, exponent)
    shifted = exponent + lanes.spread(np.float32(1.5 * 2**23))
    lanes.store(powers.ctypes.data, lanes.power_of_two(shifted))


def test_exponents_and_powers_of_two() -> None:
    a = np.geomspace(1e-30, 1e30, 16).astype(np.float32)
    exponents, powers = np.empty((2, 16), dtype=np.float32)

    _exponents(a, exponents, powers)

    assert np.all((a / powers >= np.sqrt(0.5) * 0.9999) & (a / powers < np.sqrt(2) * 1.0001))
    assert powers.tolist() == (2.0**exponents).tolist()


@numba.njit(nogil=True, error_model="numpy")
def _bytes(a: Any, out: Any, back: Any) -> None:
    at = a.ctypes.data
    lanes.store_bytes(
        out.ctypes.data,
        lanes.load(at),
        lanes.load(at + 64),
        lanes.load(at + 128),
        lanes.load(at + 192),
    )
    lanes.store(back.ctypes.data, lanes.load_integers(out.ctypes.data))


def test_bytes_of_four_vectors_are_interleaved() -> None:
    a = np.random.default_rng(1).integers(0, 256, (4, 16)).astype(np.float32)
    out, back = np.zeros((16, 4), dtype=np.uint8), np.empty(16, dtype=np.float32)

    _bytes(a, out, back)

    assert out.tolist() == a.T.tolist()
    np.testing.assert_array_equal(back, out.view(np.int32)[:, 0].astype(np.float32))


@numba.njit(nogil=True, error_model="numpy")
def _transpose(a: Any, out: Any) -> None:
    lanes.transpose(a.ctypes.data, 4 * a.shape[1], out.ctypes.data)


def test_a_square_of_a_wider_matrix_is_transposed() -> None:
    a, out = normal(1, 16, 20), np.empty((16, 16), dtype=np.float32)

    _transpose(a, out)

    np.testing.assert_array_equal(out, a[:, :16].T)
