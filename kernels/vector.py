"""The few machine operations that Numba's own loops do not reach, as functions on addresses.

A loop such as ``scores[offsets[p]] += weight * impacts[p]`` compiles to one load an operand, with
tests for negative indices between them; four postings from one 8-byte and one 4-byte load take
0.35 ns a posting where the loop takes 0.6. Comparing 64 lanes into one 64-bit mask has no form in
Numba at all. docs/adr/0006-intrinsics-for-search.md has the measurements.

Addresses are ``array.ctypes.data`` plus bytes. Nothing checks them: whoever calls answers for it
that 64 lanes lie inside the array. LLVM lowers the vectors to what the processor has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LANES = 64
"""Documents that one vector operation covers."""

PARTS = 8
"""Parts of as many documents in those."""

_I32, _I64 = ir.IntType(32), ir.IntType(64)


def _pointer(builder: Any, address: Any, target: Any) -> Any:
    return builder.inttoptr(address, target.as_pointer())


def _lanes(bits: int, n_lanes: int = LANES) -> Any:
    return ir.VectorType(ir.IntType(bits), n_lanes)


def _spread(builder: Any, value: Any, bits: int) -> Any:
    """Put the low bits of a 64-bit value into every lane."""
    lanes = _lanes(bits)
    first = builder.insert_element(
        ir.Constant(lanes, ir.Undefined),
        builder.trunc(value, ir.IntType(bits)),
        ir.Constant(_I32, 0),
    )
    zeros = ir.Constant(_lanes(32), [0] * LANES)
    return builder.shuffle_vector(first, ir.Constant(lanes, ir.Undefined), zeros)


def _load_lanes(builder: Any, address: Any, bits: int, n_lanes: int = LANES) -> Any:
    loaded = builder.load(_pointer(builder, address, _lanes(bits, n_lanes)))
    loaded.align = 1
    return loaded


def _make_load(bits: int) -> Callable[..., Any]:
    def load(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            loaded = builder.load(_pointer(builder, arguments[0], ir.IntType(bits)))
            loaded.align = 1
            return loaded if bits == 64 else builder.zext(loaded, _I64)

        return types.uint64(types.int64), generate

    return intrinsic(load)


def _make_add(bits: int) -> Callable[..., Any]:
    def add(typing_context: Any, address: Any, place: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            first, place, value = arguments
            shift = ir.Constant(_I64, (bits // 8).bit_length() - 1)
            pointer = _pointer(
                builder, builder.add(first, builder.shl(place, shift)), ir.IntType(bits)
            )
            total = builder.add(builder.load(pointer), builder.trunc(value, ir.IntType(bits)))
            builder.store(total, pointer)
            return context.get_dummy_value()

        return types.void(types.int64, types.uint64, types.uint64), generate

    return intrinsic(add)


def _make_add_row(bits: int) -> Callable[..., Any]:
    def add_row(typing_context: Any, scores: Any, row: Any, weight: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            scores, row, weight = arguments
            impacts = builder.zext(_load_lanes(builder, row, 8), _lanes(bits))
            products = builder.mul(impacts, _spread(builder, weight, bits))
            total = builder.add(_load_lanes(builder, scores, bits), products)
            stored = builder.store(total, _pointer(builder, scores, _lanes(bits)))
            stored.align = 1
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, types.int64), generate

    return intrinsic(add_row)


def _make_above(bits: int) -> Callable[..., Any]:
    def above(typing_context: Any, scores: Any, threshold: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            scores, threshold = arguments
            is_above = builder.icmp_unsigned(
                ">", _load_lanes(builder, scores, bits), _spread(builder, threshold, bits)
            )
            return builder.bitcast(is_above, _I64)

        return types.uint64(types.int64, types.int64), generate

    return intrinsic(above)


def _make_clear(bits: int) -> Callable[..., Any]:
    def clear(typing_context: Any, scores: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            zeros = ir.Constant(_lanes(bits), [0] * LANES)
            stored = builder.store(zeros, _pointer(builder, arguments[0], _lanes(bits)))
            stored.align = 1
            return context.get_dummy_value()

        return types.void(types.int64), generate

    return intrinsic(clear)


load_u8, load_u16, load_u32, load_u64 = (_make_load(bits) for bits in (8, 16, 32, 64))
"""``load(address) -> uint64``: the integer at an address, which need not be aligned."""

add_u16, add_u32 = _make_add(16), _make_add(32)
"""``add(address, place, value)``: add to the integer number `place` of those at `address`."""

add_row_u16, add_row_u32 = _make_add_row(16), _make_add_row(32)
"""``add_row(scores, row, weight)``: ``scores[:64] += weight * row[:64]``, the row of uint8."""

clear_u16 = _make_clear(16)
"""``clear(scores)``: ``scores[:64] = 0``."""

above_u16 = _make_above(16)
"""``above(scores, threshold) -> uint64``: bit i says whether ``scores[i] > threshold``.

The threshold must fit 16 bits.
"""


@intrinsic
def above_with_parts_u16(typing_context: Any, scores: Any, bounds: Any, threshold: Any) -> Any:
    """Return a mask whose bit i says whether ``scores[i] + bounds[i // 8] > threshold``.

    The sums and the threshold must fit 16 bits.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        scores, bounds, threshold = arguments
        parts = _load_lanes(builder, bounds, 16, PARTS)
        places = [lane * PARTS // LANES for lane in range(LANES)]
        spread = builder.shuffle_vector(
            parts, ir.Constant(_lanes(16, PARTS), ir.Undefined), ir.Constant(_lanes(32), places)
        )
        total = builder.add(_load_lanes(builder, scores, 16), spread)
        is_above = builder.icmp_unsigned(">", total, _spread(builder, threshold, 16))
        return builder.bitcast(is_above, _I64)

    return types.uint64(types.int64, types.int64, types.int64), generate


@intrinsic
def count_trailing_zeros(typing_context: Any, mask: Any) -> Any:
    """Return the place of the lowest bit of a mask that has one."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@intrinsic
def prefetch(typing_context: Any, address: Any) -> Any:
    """Ask for the cache line of an address; any address will do."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        name = "llvm.prefetch.p0"
        function = builder.module.globals.get(name) or ir.Function(
            builder.module, ir.FunctionType(ir.VoidType(), [byte, _I32, _I32, _I32]), name
        )
        # For reading, to be kept in all cache levels, data.
        hints = [ir.Constant(_I32, value) for value in (0, 3, 1)]
        builder.call(function, [_pointer(builder, arguments[0], ir.IntType(8)), *hints])
        return context.get_dummy_value()

    return types.void(types.int64), generate
