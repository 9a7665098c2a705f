"""What is a dense layer, a layer norm? The packed weights, and what they do.

A network is made of these parts whatever its number format: float32 and int8 layers are called
alike, and differ in which kernels they call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lsr.kernels.transformer import (
    TOKEN_LANES,
    Activation,
    PackedBlockMatrix,
    PackedInt8BlockMatrix,
    PackedInt8Matrix,
    PackedMatrix,
    layer_norm,
    multiply,
    multiply_blocks,
    multiply_int8,
    multiply_int8_blocks,
    new_quantized,
    quantize,
)

Array = NDArray[np.float32]


class Dense(Protocol):
    """A matrix and a bias."""

    def __call__(
        self,
        x: Array,
        out: Array,
        activation: Activation = Activation.NONE,
        residual: Array | None = None,
    ) -> None:
        """Write ``activation(W x + bias) + residual``; `residual` may be `out` itself."""


@dataclass(frozen=True, slots=True)
class Float32Dense:
    """A dense layer in float32."""

    matrix: PackedMatrix

    def __call__(
        self,
        x: Array,
        out: Array,
        activation: Activation = Activation.NONE,
        residual: Array | None = None,
    ) -> None:
        """Write ``activation(W x + bias) + residual``."""
        multiply(self.matrix, x, out, activation, residual)


@dataclass(frozen=True, slots=True)
class Int8Dense:
    """A dense layer whose weights are bytes; what comes in is rounded to bytes first."""

    matrix: PackedInt8Matrix

    def __call__(
        self,
        x: Array,
        out: Array,
        activation: Activation = Activation.NONE,
        residual: Array | None = None,
    ) -> None:
        """Write ``activation(W x + bias) + residual``."""
        quantized = new_quantized(*x.shape)
        quantize(x, self.matrix.factors, self.matrix.shifts, quantized)
        multiply_int8(self.matrix, quantized, out, activation, residual)


@dataclass(frozen=True, slots=True)
class Float32Blocks:
    """A dense layer in float32, of which the zeros are left out."""

    matrix: PackedBlockMatrix

    def __call__(
        self,
        x: Array,
        out: Array,
        activation: Activation = Activation.NONE,
        residual: Array | None = None,
    ) -> None:
        """Write ``activation(W x + bias) + residual``."""
        multiply_blocks(self.matrix, x, out, activation, residual)


@dataclass(frozen=True, slots=True)
class Int8Blocks:
    """A dense layer of bytes, of which the zeros are left out."""

    matrix: PackedInt8BlockMatrix

    def __call__(
        self,
        x: Array,
        out: Array,
        activation: Activation = Activation.NONE,
        residual: Array | None = None,
    ) -> None:
        """Write ``activation(W x + bias) + residual``."""
        quantized = new_quantized(*x.shape)
        quantize(x, self.matrix.factors, self.matrix.shifts, quantized)
        multiply_int8_blocks(self.matrix, quantized, out, activation, residual)


@dataclass(frozen=True, slots=True)
class ByLength:
    """One layer in two forms that give the same, for a query alone and for more tokens.

    Packed weights are mapped from a file, so that a form which nobody asks for takes no memory.
    """

    short: Dense
    long: Dense

    def __call__(
        self,
        x: Array,
        out: Array,
        activation: Activation = Activation.NONE,
        residual: Array | None = None,
    ) -> None:
        """Write ``activation(W x + bias) + residual``."""
        form = self.short if x.shape[1] <= TOKEN_LANES else self.long
        form(x, out, activation, residual)


@dataclass(frozen=True, slots=True)
class Norm:
    """A layer norm."""

    gamma: Array
    beta: Array
    epsilon: float

    def __call__(self, x: Array) -> None:
        """Replace `x` by its layer norm."""
        layer_norm(x, self.gamma, self.beta, self.epsilon, x)


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a transformer."""

    qkv: Dense
    out: Dense
    attention_norm: Norm
    up: Dense
    down: Dense
    norm: Norm
