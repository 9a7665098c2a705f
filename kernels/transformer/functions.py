"""What are exp, log(1 + x), erf and the activations, of 16 numbers at once?

Polynomials in registers, so that nothing is stored in between. Coefficients are minimax fits made
for these intervals; the largest errors below were found by trying a million arguments, and
tests/kernels/transformer/test_functions.py holds them. ulp: units in the last place of float32.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

from lsr.kernels.transformer.lanes import (
    exponent,
    maximum,
    minimum,
    multiply_add,
    power_of_two,
    spread,
    zeros,
)

_ROUNDING = np.float32(1.5 * 2**23)
"""A float32 of this size has no digits after the point: adding it rounds to an integer."""

_LOG2_E = np.float32(math.log2(math.e))
# ln 2 in two parts; the first has so few digits that its product with an exponent is exact.
_LN2 = np.float32(math.log(2))
_LN2_HIGH = np.float32(0.693359375)
_LN2_LOW = np.float32(math.log(2) - 0.693359375)


@numba.njit(nogil=True, error_model="numpy", forceinline=True)
def _add_term(polynomial: Any, x: Any, coefficient: float) -> Any:
    """One step of Horner's rule."""
    return multiply_add(polynomial, x, spread(np.float32(coefficient)))


@numba.njit(nogil=True, error_model="numpy", forceinline=True)
def exp(x: Any) -> Any:
    """e^x for x <= 88, error below 1.1 ulp; what is below e^-87 becomes e^-87."""
    x = maximum(x, spread(np.float32(-87)))
    # 1. x = n ln 2 + rest, |rest| <= ln(2) / 2.
    shifted = multiply_add(x, spread(_LOG2_E), spread(_ROUNDING))
    n = shifted - spread(_ROUNDING)
    rest = multiply_add(n, spread(-_LN2_HIGH), x)
    rest = multiply_add(n, spread(-_LN2_LOW), rest)
    # 2. e^x = 2^n e^rest
    y = spread(np.float32(0.0013836841814813235))
    y = _add_term(y, rest, 0.008374815781532128)
    y = _add_term(y, rest, 0.04166822564430555)
    y = _add_term(y, rest, 0.16666420170185348)
    y = _add_term(y, rest, 0.49999992079482475)
    y = _add_term(y, rest, 1.0)
    y = _add_term(y, rest, 1.0)
    return y * power_of_two(shifted)


@numba.njit(nogil=True, error_model="numpy", forceinline=True)
def log1p(x: Any) -> Any:
    """log(1 + x) for x >= 0 below 2^100, error below 2 ulp."""
    # 1. 1 + x = 2^n (1 + rest), rest in [sqrt(1/2) - 1, sqrt(2) - 1); for n = 0 the rest is x.
    one = spread(np.float32(1))
    n = exponent(one + x)
    scale = power_of_two(spread(_ROUNDING) - n)
    rest = multiply_add(x, scale, scale - one)
    # 2. log(1 + x) = n ln 2 + log(1 + rest)
    y = spread(np.float32(-0.07621018610260136))
    y = _add_term(y, rest, 0.12904608144750915)
    y = _add_term(y, rest, -0.13243476233185694)
    y = _add_term(y, rest, 0.1418184473772941)
    y = _add_term(y, rest, -0.1660901213560104)
    y = _add_term(y, rest, 0.20001967938808338)
    y = _add_term(y, rest, -0.25001586564194656)
    y = _add_term(y, rest, 0.3333332600422772)
    y = _add_term(y, rest, -0.49999988289698355)
    y = _add_term(y, rest, 1.0)
    return multiply_add(n, spread(_LN2), y * rest)


@numba.njit(nogil=True, error_model="numpy", forceinline=True)
def erf(x: Any) -> Any:
    """The error function, absolute error below 4e-7."""
    # Beyond 3.925 the nearest float32 is 1.
    x = minimum(maximum(x, spread(np.float32(-3.925))), spread(np.float32(3.925)))
    square = x * x
    above = spread(np.float32(2.0460216451400226e-06))
    above = _add_term(above, square, 0.00028484504229105525)
    above = _add_term(above, square, 0.003772604543917371)
    above = _add_term(above, square, 0.05276946648239337)
    above = _add_term(above, square, 0.1905949869064822)
    above = _add_term(above, square, 1.1283791457431225)
    below = spread(np.float32(3.8047794081244665e-05))
    below = _add_term(below, square, 0.001163871513784726)
    below = _add_term(below, square, 0.014983306438413316)
    below = _add_term(below, square, 0.1141832356352936)
    below = _add_term(below, square, 0.5022431394181508)
    below = _add_term(below, square, 1.0)
    return x * above / below


@numba.njit(nogil=True, error_model="numpy", forceinline=True)
def gelu(x: Any) -> Any:
    """GELU: x * (1 + erf(x / sqrt(2))) / 2, absolute error below 3e-7 |x|."""
    half = x * spread(np.float32(0.5))
    return multiply_add(half, erf(x * spread(np.float32(math.sqrt(0.5)))), half)


@numba.njit(nogil=True, error_model="numpy", forceinline=True)
def gelu_tanh(x: Any) -> Any:
    """GELU by tanh: x / (1 + e^-2u) = x * (1 + tanh(u)) / 2, u = c (x + 0.044715 x^3)."""
    factor = -2 * math.sqrt(2 / math.pi)
    inner = multiply_add(x * x, spread(np.float32(factor * 0.044715)), spread(np.float32(factor)))
    exponent = minimum(x * inner, spread(np.float32(87)))
    return x / (spread(np.float32(1)) + exp(exponent))


@numba.njit(nogil=True, error_model="numpy", forceinline=True)
def relu(x: Any) -> Any:
    """The larger of x and 0."""
    return maximum(x, zeros())
