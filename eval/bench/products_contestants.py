"""Who multiplies a pruned matrix with tokens? Ours and the others, each with what it needs.

Ours take and give features of tokens, as the native network does; torch takes tokens of features,
as its layers do. Bytes include the rounding of the tokens, bfloat16 does not. Nobody's weights are
packed or converted while the clock runs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.eval.bench.encoders.base import is_installed
from lsr.kernels.transformer import (
    multiply,
    multiply_blocks,
    multiply_int8,
    multiply_int8_blocks,
    new_activations,
    new_quantized,
    pack_blocks,
    pack_int8,
    pack_int8_blocks,
    pack_matrix,
    quantize,
)

Floats = NDArray[np.float32]

Product = Callable[[], Any]
"""Multiplies once; returns what no clock needs to see."""


@dataclass(frozen=True, slots=True)
class Product4x1:
    """A matrix of 4x1 blocks and tokens, to be multiplied.

    Attributes:
        weight: shape (n_rows, n_columns), with zeros.
        tokens: shape (n_columns, n_tokens).
    """

    weight: Floats
    tokens: Floats


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to multiply.

    Attributes:
        name: of the way.
        prepare: packs a matrix and returns the product to time, and the result as rows of tokens.
        package: what must be installed for it.
        tolerance: largest error of a result, in parts of the largest number of it.
        skips_zeros: whether zeros make it faster; a dense one is timed once for all shares.
    """

    name: str
    prepare: Callable[[Product4x1], tuple[Product, Callable[[], Floats]]]
    package: str
    tolerance: float
    skips_zeros: bool


def _ours(pack: Any, run: Any) -> Any:
    def prepare(task: Product4x1) -> tuple[Product, Callable[[], Floats]]:
        n_tokens = task.tokens.shape[1]
        x = new_activations(task.weight.shape[1], n_tokens)
        x[:, :n_tokens] = task.tokens
        out = new_activations(task.weight.shape[0], n_tokens)
        matrix = pack(task.weight)
        product = run(matrix, x, out)
        return product, lambda: out[:, :n_tokens]

    return prepare


def _float32(kernel: Any) -> Any:
    return lambda matrix, x, out: lambda: kernel(matrix, x, out)


def _int8(kernel: Any) -> Any:
    def bind(matrix: Any, x: Floats, out: Floats) -> Product:
        quantized = new_quantized(*x.shape)

        def product() -> None:
            quantize(x, matrix.factors, matrix.shifts, quantized)
            kernel(matrix, quantized, out)

        return product

    return bind


def _torch(make: Callable[[Any, Any], Product]) -> Any:
    def prepare(task: Product4x1) -> tuple[Product, Callable[[], Floats]]:
        import torch

        with torch.inference_mode(), warnings.catch_warnings():
            # torch announces here that it means to move what it measures as, and beta versions.
            warnings.simplefilter("ignore")
            bare = make(torch.from_numpy(task.weight), torch.from_numpy(task.tokens.T.copy()))

        def product() -> Any:
            with torch.inference_mode():
                return bare()

        return product, lambda: np.asarray(product().float().numpy().T)

    return prepare


def _torch_linear(dtype: str) -> Any:
    def make(weight: Any, tokens: Any) -> Product:
        import torch

        kind = getattr(torch, dtype)
        own, x = weight.to(kind), tokens.to(kind)
        return lambda: torch.nn.functional.linear(x, own)

    return _torch(make)


def _torch_int8(weight: Any, tokens: Any) -> Product:
    import torch

    layer = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    layer.weight.copy_(weight)
    layers = torch.nn.Sequential(layer)
    model: Any = torch.ao.quantization.quantize_dynamic(layers, {torch.nn.Linear}, torch.qint8)
    return lambda: model(tokens)


def _torch_sparse(weight: Any, tokens: Any) -> Product:
    own, x = weight.to_sparse_csr(), tokens.T.contiguous()
    return lambda: (own @ x).T


def _scipy_csr(task: Product4x1) -> tuple[Product, Callable[[], Floats]]:
    from scipy.sparse import csr_array

    own, x = csr_array(task.weight), np.ascontiguousarray(task.tokens)
    return (lambda: own @ x), lambda: np.asarray(own @ x)


EXACT, ROUNDED, BYTES = 1e-4, 2e-2, 5e-2

OUR_BLOCKS, OUR_INT8_BLOCKS = "lsr 4x1 float32", "lsr 4x1 int8"
OUR_DENSE, OUR_INT8_DENSE = "lsr dense float32", "lsr dense int8"
TORCH_FLOAT32, TORCH_BFLOAT16 = "torch float32", "torch bfloat16"

CONTESTANTS = (
    Contestant(OUR_BLOCKS, _ours(pack_blocks, _float32(multiply_blocks)), "numba", EXACT, True),
    Contestant(
        OUR_INT8_BLOCKS, _ours(pack_int8_blocks, _int8(multiply_int8_blocks)), "numba", BYTES, True
    ),
    Contestant(OUR_DENSE, _ours(pack_matrix, _float32(multiply)), "numba", EXACT, False),
    Contestant(OUR_INT8_DENSE, _ours(pack_int8, _int8(multiply_int8)), "numba", BYTES, False),
    Contestant(TORCH_FLOAT32, _torch_linear("float32"), "torch", EXACT, False),
    Contestant(TORCH_BFLOAT16, _torch_linear("bfloat16"), "torch", ROUNDED, False),
    Contestant("torch dynamic int8", _torch(_torch_int8), "torch", BYTES, False),
    Contestant("torch sparse CSR", _torch(_torch_sparse), "torch", EXACT, True),
    Contestant("SciPy CSR", _scipy_csr, "scipy", EXACT, True),
)


def able() -> list[Contestant]:
    """Return those whose package is installed."""
    return [one for one in CONTESTANTS if is_installed(one.package)]
