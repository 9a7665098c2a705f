"""The register tile: a small matrix product whose sums stay in registers.

A dense layer, a vocabulary head and both products of attention are the same loop,

    for k in range(depth):
        for r in range(rows):                    # unrolled: rows x vectors sums in registers
            for v in range(vectors):
                sums[r, v] += scalars[k, r] * lanes[k, 16 * v : 16 * v + 16]

and differ in what stands in the lanes (tokens, or terms), in the strides, and in what happens to
the sums in the end. Numba cannot write this loop: it keeps no array of sums in registers, and has
no name for a sum of products of bytes. docs/adr/0008-register-tiles.md has the measurements.

A tile is called as ``float_tile(rows, vectors, scalars, row_step, depth_step, lanes, lanes_step,
depth, out, out_step)``: rows and vectors are constants, the rest addresses and steps in bytes,
which nothing checks. depth is at least 1. LLVM takes vectors of 16 lanes apart for a processor with
narrower ones.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from lsr.kernels.transformer.lanes import (
    FLOATS,
    I32,
    I64,
    INTS,
    LANES,
    VECTOR_BYTES,
    emit_call,
    emit_constant,
    emit_load,
    emit_spread,
    emit_store,
)
from lsr.kernels.transformer.processor import DOT, REGISTER_BITS, Dot

PREFETCH_BYTES = 8192
"""Distance at which weights are asked for. With weights in memory, which is where a model of 100
million parameters has them, a layer for 16 tokens takes a third of the time."""

WORDS = ir.VectorType(ir.IntType(16), 2 * LANES)

PMADDWD = {
    512: "llvm.x86.avx512.pmaddw.d.512",
    256: "llvm.x86.avx2.pmadd.wd",
}

OPERANDS = ("scalars", "row_step", "depth_step", "lanes", "lanes_step", "depth")


def add_product(builder: Any, total: Any, scalars: Any, lanes: Any) -> Any:
    """Return total + scalars * lanes, one instruction where the processor has it."""
    return emit_call(builder, "llvm.fmuladd.v16f32", FLOATS, scalars, lanes, total)


def add_dot(builder: Any, total: Any, unsigned: Any, signed: Any) -> Any:
    """Add the four products of unsigned and signed bytes to every lane, by what `DOT` says."""
    if DOT == Dot.VNNI:
        # LLVM 22 has bytes as operands; it still takes, and converts, calls of this older form.
        name = f"llvm.x86.avx512.vpdpbusd.{REGISTER_BITS}"
        return _by_register(builder, name, total, unsigned, signed)
    if DOT == Dot.WORDS:
        return _add_dot_of_words(builder, total, unsigned, signed)
    for byte in range(4):
        # Left to the top of the lane, then right: what remains is the byte and its sign.
        left, right = emit_constant(24 - 8 * byte), emit_constant(24)
        a = builder.lshr(builder.shl(unsigned, left), right)
        b = builder.ashr(builder.shl(signed, left), right)
        total = builder.add(total, builder.mul(a, b))
    return total


def _add_dot_of_words(builder: Any, total: Any, unsigned: Any, signed: Any) -> Any:
    """The same with bytes 0 and 2 of every lane as 16-bit words, then bytes 1 and 3."""
    a, b = builder.bitcast(unsigned, WORDS), builder.bitcast(signed, WORDS)
    eight = ir.Constant(WORDS, [8] * WORDS.count)
    a_even, a_odd = builder.lshr(builder.shl(a, eight), eight), builder.lshr(a, eight)
    b_even, b_odd = builder.ashr(builder.shl(b, eight), eight), builder.ashr(b, eight)
    for pair in ((a_even, b_even), (a_odd, b_odd)):
        total = builder.add(total, _by_register(builder, PMADDWD[REGISTER_BITS], *pair))
    return total


def _by_register(builder: Any, name: str, *vectors: Any) -> Any:
    """Call an intrinsic for registers of this processor on each part of wider vectors."""
    parts = [
        emit_call(
            builder,
            name,
            ir.VectorType(I32, REGISTER_BITS // 32),
            *(_part(builder, vector, REGISTER_BITS, place) for vector in vectors),
        )
        for place in range(512 // REGISTER_BITS)
    ]
    if len(parts) == 1:
        return parts[0]
    return builder.shuffle_vector(*parts, ir.Constant(INTS, list(range(LANES))))


def _part(builder: Any, vector: Any, bits: int, place: int) -> Any:
    """Return the part of a vector that fills register number `place`."""
    n_kept = vector.type.count * bits // 512
    kept = list(range(place * n_kept, (place + 1) * n_kept))
    nothing = ir.Constant(vector.type, ir.Undefined)
    return builder.shuffle_vector(vector, nothing, ir.Constant(ir.VectorType(I32, n_kept), kept))


def _emit_sums(
    builder: Any,
    shape: tuple[int, int],
    kind: Any,
    add: Callable[[Any, Any, Any, Any], Any],
    are_weights_in_lanes: bool,
    operands: Any,
) -> list[list[Any]]:
    """Write the loop; return the sums, a list of vectors for each row.

    Args:
        builder: where instructions go.
        shape: rows and vectors.
        kind: FLOATS or INTS, what the vectors hold.
        add: writes ``sum + scalars * lanes`` from builder, sum, scalars and lanes.
        are_weights_in_lanes: which operand comes from memory, the other being in cache.
        operands: as `OPERANDS` names them.
    """
    scalars, row_step, depth_step, lanes, lanes_step, depth = operands
    rows, vectors = shape
    before = builder.block
    loop, after = builder.append_basic_block("depth"), builder.append_basic_block("sums")
    builder.branch(loop)

    builder.position_at_end(loop)
    k = builder.phi(I64)
    k.add_incoming(ir.Constant(I64, 0), before)
    sums = [[builder.phi(kind) for _ in range(vectors)] for _ in range(rows)]
    scalars = builder.add(scalars, builder.mul(k, depth_step))
    lanes = builder.add(lanes, builder.mul(k, lanes_step))
    if are_weights_in_lanes:
        for vector in range(vectors):
            emit_prefetch(builder, offset(builder, lanes, VECTOR_BYTES, vector))
    else:
        emit_prefetch(builder, scalars)
    loaded = [
        emit_load(builder, offset(builder, lanes, VECTOR_BYTES, vector), kind)
        for vector in range(vectors)
    ]
    new_sums = []
    for row, row_sums in enumerate(sums):
        scalar = emit_load(builder, offset(builder, scalars, row_step, row), kind.element)
        spread = emit_spread(builder, scalar)
        new_sums.append(
            [add(builder, total, spread, one) for total, one in zip(row_sums, loaded, strict=True)]
        )
    next_k = builder.add(k, ir.Constant(I64, 1))
    k.add_incoming(next_k, loop)
    for row_sums, new_row in zip(sums, new_sums, strict=True):
        for total, new in zip(row_sums, new_row, strict=True):
            total.add_incoming(ir.Constant(kind, None), before)
            total.add_incoming(new, loop)
    builder.cbranch(builder.icmp_signed("<", next_k, depth), loop, after)

    builder.position_at_end(after)
    return new_sums


def emit_prefetch(builder: Any, address: Any, distance: int = PREFETCH_BYTES) -> None:
    """Ask for what lies `distance` bytes on: processors wait too long to see that a stream runs."""
    ahead = builder.add(address, ir.Constant(I64, distance))
    pointer = builder.inttoptr(ahead, ir.IntType(8).as_pointer())
    # For reading, into the second-level cache, data.
    hints = [ir.Constant(I32, value) for value in (0, 2, 1)]
    emit_call(builder, "llvm.prefetch.p0", ir.VoidType(), pointer, *hints)


def offset(builder: Any, address: Any, step: Any, count: int) -> Any:
    """Return address + count * step."""
    if isinstance(step, int):
        return builder.add(address, ir.Constant(I64, step * count))
    return builder.add(address, builder.mul(step, ir.Constant(I64, count)))


def _make_tile(
    kind: Any,
    add: Callable[[Any, Any, Any, Any], Any],
    finish: Callable[..., None],
    are_weights_in_lanes: bool = False,
) -> Any:
    """Make a tile: `finish` writes what becomes of the sums, from arguments of its own."""

    def tile(typing_context: Any, rows: Any, vectors: Any, *arguments: Any) -> Any:
        shape = rows.literal_value, vectors.literal_value

        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            operands, others = values[2:8], values[8:]
            sums = _emit_sums(builder, shape, kind, add, are_weights_in_lanes, operands)
            finish(builder, sums, *others)
            return context.get_dummy_value()

        return types.void(rows, vectors, *[types.int64] * len(arguments)), generate

    _, _, *others = inspect.signature(finish).parameters
    names = ("typing_context", "rows", "vectors", *OPERANDS, *others)
    tile.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in names]
    )
    return intrinsic(prefer_literal=True)(tile)


def _store_sums(builder: Any, sums: list[list[Any]], out: Any, out_step: Any) -> None:
    for row, row_sums in enumerate(sums):
        address = offset(builder, out, out_step, row)
        for vector, total in enumerate(row_sums):
            emit_store(builder, total, offset(builder, address, VECTOR_BYTES, vector))


def _keep_maximum(builder: Any, sums: list[list[Any]], maxima: Any) -> None:
    for vector, column in enumerate(zip(*sums, strict=True)):
        address = offset(builder, maxima, VECTOR_BYTES, vector)
        largest = emit_load(builder, address, INTS)
        for total in column:
            is_larger = builder.icmp_signed(">", total, largest)
            largest = builder.select(is_larger, total, largest)
        emit_store(builder, largest, address)


def _signed_scalars(builder: Any, total: Any, scalars: Any, lanes: Any) -> Any:
    return add_dot(builder, total, lanes, scalars)


float_tile = _make_tile(FLOATS, add_product, _store_sums)
"""``float_tile(..., out, out_step)`` stores the sums of row r at ``out + r * out_step``."""

byte_tile = _make_tile(INTS, _signed_scalars, _store_sums)
"""``byte_tile(..., out, out_step)`` stores 32-bit sums. A scalar is four signed bytes, a lane four
unsigned ones."""

byte_max_tile = _make_tile(INTS, add_dot, _keep_maximum, are_weights_in_lanes=True)
"""``byte_max_tile(..., maxima)`` raises vectors of 32-bit integers to the largest sum of a row. A
scalar is four unsigned bytes, a lane four signed ones."""
