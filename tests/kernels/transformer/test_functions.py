"""The errors that functions.py states."""

import math
from typing import Any

import numba
import numpy as np
import pytest
from scipy import special

from lsr.kernels.transformer import activate_reference, functions, lanes
from lsr.kernels.transformer.activation import Activation


def apply(function: Any, x: Any) -> Any:
    """Apply a function of vectors to as many floats as fill vectors."""

    @numba.njit(nogil=True, error_model="numpy")
    def each(x: Any, out: Any) -> None:
        for place in range(0, 4 * x.size, 64):
            lanes.store(out.ctypes.data + place, function(lanes.load(x.ctypes.data + place)))

    out = np.empty_like(x)
    each(x, out)
    return out


def ulps(found: Any, expected: Any) -> float:
    unit = np.spacing(np.abs(expected).astype(np.float32)).astype(np.float64)
    return float(np.max(np.abs(found - expected) / unit))


def spread(low: float, high: float) -> Any:
    return np.linspace(low, high, 1 << 20).astype(np.float32)


def test_exp() -> None:
    x = spread(-87, 88)

    assert ulps(apply(functions.exp, x), np.exp(x.astype(np.float64))) < 1.1


def test_exp_of_very_negative_numbers_is_next_to_nothing() -> None:
    x = np.repeat(np.array([-88, -1e6, -np.inf], dtype=np.float32), 16)

    assert np.all(apply(functions.exp, x) < 1e-37)


def test_log1p() -> None:
    x = np.concatenate([spread(0, 100), np.geomspace(1e-30, 1e20, 1 << 20).astype(np.float32)])

    found = apply(functions.log1p, x)

    assert ulps(found, np.log1p(x.astype(np.float64))) < 2


def test_erf() -> None:
    x = spread(-10, 10)

    assert np.max(np.abs(apply(functions.erf, x) - special.erf(x.astype(np.float64)))) < 4e-7


@pytest.mark.parametrize(
    ("function", "activation"),
    [
        (functions.gelu, Activation.GELU),
        (functions.gelu_tanh, Activation.GELU_TANH),
        (functions.relu, Activation.RELU),
    ],
)
def test_activations(function: Any, activation: Activation) -> None:
    x = spread(-12, 12)

    error = np.abs(apply(function, x) - activate_reference(x.astype(np.float64), activation))

    assert np.all(error <= 3e-7 * np.abs(x))


def test_reference_of_gelu_is_its_definition() -> None:
    x = np.array([-1.5, 0.25, 3.0])

    expected = [value * (1 + math.erf(value / math.sqrt(2))) / 2 for value in x.tolist()]
    np.testing.assert_allclose(activate_reference(x, Activation.GELU), expected)
