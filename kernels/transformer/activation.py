"""Which function may follow a matrix product?"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


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
