"""Which function may follow a matrix product?"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from lsr.kernels.transformer.functions import gelu, gelu_tanh, relu
from lsr.kernels.transformer.lanes import load, store


class Activation(IntEnum):
    """A function of one number, applied to every output of a matrix.

    Attributes:
        NONE: x.
        GELU: x * (1 + erf(x / sqrt(2))) / 2, "gelu" in the config of a checkpoint.
        GELU_TANH: x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2, there "gelu_new" or
            "gelu_pytorch_tanh".
        RELU: max(x, 0), there "relu".
    """

    NONE = 0
    GELU = 1
    GELU_TANH = 2
    RELU = 3


def activate_reference(x: NDArray[np.float64], activation: Activation) -> NDArray[np.float64]:
    """Say in NumPy, with 64 bits, what an activation is."""
    from scipy.special import erf

    if activation == Activation.GELU:
        return x * (1 + erf(x / np.sqrt(2))) / 2
    if activation == Activation.GELU_TANH:
        return x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2
    if activation == Activation.RELU:
        return np.maximum(x, 0)
    return x


_GELU, _GELU_TANH, _RELU = int(Activation.GELU), int(Activation.GELU_TANH), int(Activation.RELU)


@numba.njit(nogil=True, error_model="numpy", forceinline=True)
def finish(product: Any, activation: int, residual: int, out: int) -> None:
    """Store 16 outputs: activation(product), plus what lies at `residual` unless that is 0."""
    if activation == _GELU:
        product = gelu(product)
    elif activation == _GELU_TANH:
        product = gelu_tanh(product)
    elif activation == _RELU:
        product = relu(product)
    if residual != 0:
        product = product + load(residual)
    store(out, product)
