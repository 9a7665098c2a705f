"""Run the kernels of a transformer in this process, and print what they did as JSON.

A test starts this file as a process of its own, with the features of a processor in
``NUMBA_CPU_FEATURES``: Numba, and with it the kernels, choose instructions once in a process.
"""

import json
import re
from collections import Counter
from typing import Any

import numba
import numpy as np

from assembly import assembly_of
from block_matrices import block_masked
from lsr.kernels import transformer
from lsr.kernels.transformer import block_tiles, processor, strips
from transformer_inputs import activations, normal, starts_of

INTERESTING = re.compile(r"\b(vfmadd\w+ps|v?pmaddwd|vpdpbusd|v?mulps)\s[^\n]*?%([xyz]mm)")


def instructions(strip_product: Any, weight: Any) -> dict[str, int]:
    """Count the instructions that multiply, by name and register, of a strip and a panel."""

    def kernel(weight: Any, x: Any, out: Any) -> None:
        scalars, lanes, sums = weight.ctypes.data, x.ctypes.data, out.ctypes.data
        for width in range(1, 4):
            strip_product(scalars, 4, 32, lanes, 192, x.shape[0], sums, 192, width)

    compiled = numba.njit(nogil=True, error_model="numpy")(kernel)
    x, out = np.zeros((5, 48), dtype=np.float32), np.zeros((8, 48), dtype=np.float32)
    found = INTERESTING.findall(assembly_of(compiled, weight, x, out))
    return dict(Counter(f"{name} {register}" for name, register in found))


def block_instructions(tile: Any) -> dict[str, int]:
    """Count the instructions that multiply of a strip of blocks and one vector of tokens."""

    def kernel(weight: Any, columns: Any, depth: int, x: Any, out: Any) -> None:
        values, places, lanes, sums = (
            weight.ctypes.data,
            columns.ctypes.data,
            x.ctypes.data,
            out.ctypes.data,
        )
        tile(1, 1, values, places, depth, 0, lanes, sums, 64)

    compiled = numba.njit(nogil=True, error_model="numpy")(kernel)
    weight, columns = np.zeros((4, 4), dtype=np.int8), np.zeros(4, dtype=np.int32)
    x, out = np.zeros((4, 16), dtype=np.float32), np.zeros((4, 16), dtype=np.float32)
    found = INTERESTING.findall(assembly_of(compiled, weight, columns, 1, x, out))
    return dict(Counter(f"{name} {register}" for name, register in found))


def sums_of_bytes() -> list[int]:
    """Return sums of random bytes and of the largest ones, and nothing else."""

    def kernel(weight: Any, x: Any, out: Any) -> None:
        scalars, lanes, sums = weight.ctypes.data, x.ctypes.data, out.ctypes.data
        strips.byte_strip(scalars, 4, 32, lanes, 192, x.shape[0], sums, 192, 3)

    random = np.random.default_rng(1)
    weight = random.integers(-127, 128, (9, 8, 4), dtype=np.int8)
    x = random.integers(0, 256, (9, 48, 4), dtype=np.uint8)
    weight[:, 0], weight[:, 1], x[:, 0] = 127, -127, 255
    out = np.zeros((8, 48), dtype=np.int32)
    numba.njit(nogil=True, error_model="numpy")(kernel)(weight, x, out)
    exact = np.einsum("kri,kti->rt", weight.astype(np.int64), x.astype(np.int64))
    return [int(np.abs(out - exact).max()), int(np.abs(exact).max())]


def errors() -> dict[str, float]:
    """Return the largest difference of each kernel to its reference, relative to the largest."""
    found = {}
    x, starts = activations(1, 20, 70), starts_of([60, 1, 9])
    weight, bias = normal(2, 13, 20), normal(3, 13)
    out = np.empty((13, x.shape[1]), dtype=np.float32)
    gelu = transformer.Activation.GELU

    matrix = transformer.pack_matrix(weight, bias)
    transformer.multiply(matrix, x, out, gelu)
    found["multiply"] = relative(out, transformer.multiply_reference(matrix, x, gelu))

    quantized = transformer.new_quantized(*x.shape)
    bytes_matrix = transformer.pack_int8(weight, bias)
    transformer.quantize(x, bytes_matrix.factors, bytes_matrix.shifts, quantized)
    transformer.multiply_int8(bytes_matrix, quantized, out, gelu)
    expected = transformer.multiply_int8_reference(bytes_matrix, quantized, gelu)
    found["multiply_int8"] = relative(out, expected)

    pruned = block_masked(6, 13, 20, 0.4)
    blocks, byte_blocks = (
        transformer.pack_blocks(pruned, bias),
        transformer.pack_int8_blocks(pruned, bias),
    )
    transformer.multiply_blocks(blocks, x, out, gelu)
    expected = transformer.multiply_blocks_reference(blocks, x, gelu)
    found["multiply_blocks"] = relative(out, expected)
    transformer.multiply_int8_blocks(byte_blocks, quantized, out, gelu)
    dense = transformer.pack_int8(pruned, bias)
    expected = transformer.multiply_int8_blocks_reference(dense, quantized, gelu)
    found["multiply_int8_blocks"] = relative(out, expected)

    q, k, v = np.split(normal(4, 60, 80), 3)
    taken = np.zeros_like(q)
    transformer.attend(q, k, v, starts, 2, taken)
    found["attend"] = relative(taken, transformer.attend_reference(q, k, v, starts, 2))

    head = transformer.pack_head(normal(5, 300, 20))
    expected_terms = transformer.active_terms_reference(head, x, starts)
    for name, dense_share in (("active_terms", 2.0), ("active_terms of dense texts", -1.0)):
        rows = transformer.active_terms(head, x, starts, dense_share)
        assert rows.terms.tolist() == expected_terms.terms.tolist()
        found[name] = relative(rows.weights, expected_terms.weights)
    return found


def relative(found: Any, expected: Any) -> float:
    """Return the largest difference, relative to the largest number."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


if __name__ == "__main__":
    report = {
        "name": processor.NAME,
        "float": instructions(strips.float_strip, np.zeros((5, 8), dtype=np.float32)),
        "bytes": instructions(strips.byte_strip, np.zeros((5, 8, 4), dtype=np.int8)),
        "float blocks": block_instructions(block_tiles.float_block_tile),
        "byte blocks": block_instructions(block_tiles.byte_block_tile),
        "sums_of_bytes": sums_of_bytes(),
        "errors": errors(),
    }
    print(json.dumps(report))  # noqa: T201
