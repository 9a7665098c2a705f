"""What is a vector of 16 floats in a kernel? A value with ``+ - * /``, in one or more registers.

    total = zeros()
    for feature in range(n_features):
        total = total + load(address + feature * row_bytes)

Numba knows no such values: whether LLVM makes a loop over scalars into vectors depends on its
heuristics, and values never stay in registers between two loops. Here the vector is a type of its
own; LLVM takes it apart for a processor with narrower registers. Loads and stores take addresses
(``array.ctypes.data`` plus bytes), which nothing checks.

The functions of the first part write LLVM instructions and are used by tiles.py, too.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.typing import signature
from numba.core.typing.templates import ConcreteTemplate, infer_global
from numba.extending import intrinsic, lower_builtin, models, register_model

LANES = 16
VECTOR_BYTES = 4 * LANES

F32, I32, I64 = ir.FloatType(), ir.IntType(32), ir.IntType(64)
FLOATS, INTS = ir.VectorType(F32, LANES), ir.VectorType(I32, LANES)


def emit_load(builder: Any, address: Any, kind: Any, align: int = 4) -> Any:
    """Load a number or a vector that is aligned to so many bytes."""
    loaded = builder.load(builder.inttoptr(address, kind.as_pointer()))
    loaded.align = align
    return loaded


def emit_store(builder: Any, value: Any, address: Any) -> None:
    """Store a vector to an address aligned to 4 bytes."""
    stored = builder.store(value, builder.inttoptr(address, value.type.as_pointer()))
    stored.align = 4


def emit_spread(builder: Any, value: Any) -> Any:
    """Put a number into every lane."""
    nothing = ir.Constant(ir.VectorType(value.type, LANES), ir.Undefined)
    first = builder.insert_element(nothing, value, ir.Constant(I32, 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(INTS, [0] * LANES))


def emit_constant(value: int) -> Any:
    """Return an integer in every lane."""
    return ir.Constant(INTS, [value] * LANES)


def emit_call(builder: Any, name: str, result: Any, *arguments: Any) -> Any:
    """Call an LLVM intrinsic."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    return builder.call(function, arguments)


def emit_maximum(builder: Any, a: Any, b: Any) -> Any:
    """Take the larger float of each lane."""
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


class _Vector(types.Type):
    """The Numba type of 16 floats."""

    def __init__(self) -> None:
        super().__init__(name="float32x16")


VECTOR = _Vector()


@register_model(_Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, FLOATS)


def _define_operator(symbol: Any, instruction: str) -> None:
    template = type(
        f"Vector_{instruction}",
        (ConcreteTemplate,),
        {"cases": [signature(VECTOR, VECTOR, VECTOR)]},
    )

    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return getattr(builder, instruction)(*arguments)

    infer_global(symbol)(template)
    lower_builtin(symbol, VECTOR, VECTOR)(lower)


for _symbol, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _define_operator(_symbol, _instruction)


def _operation(emit: Callable[..., Any], result: Any, *kinds: Any) -> Any:
    """Make a function of kernels of one that writes instructions."""

    def operation(typing_context: Any, *arguments: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            written = emit(builder, *values)
            return context.get_dummy_value() if result == types.void else written

        return result(*kinds), generate

    # Numba calls by the signature; the first parameter, a context or a builder, is its own.
    operation.__signature__ = inspect.signature(emit)  # type: ignore[attr-defined]
    return intrinsic(operation)


def _zeros(builder: Any) -> Any:
    return ir.Constant(FLOATS, None)


def _load(builder: Any, address: Any) -> Any:
    return emit_load(builder, address, FLOATS)


def _load_integers(builder: Any, address: Any) -> Any:
    return builder.sitofp(emit_load(builder, address, INTS), FLOATS)


def _spread_at(builder: Any, address: Any) -> Any:
    return emit_spread(builder, emit_load(builder, address, F32))


def _store(builder: Any, address: Any, vector: Any) -> None:
    emit_store(builder, vector, address)


def _emit_first(builder: Any, n: Any) -> Any:
    """Return a mask of the first n lanes."""
    places = ir.Constant(INTS, list(range(LANES)))
    return builder.icmp_signed("<", places, emit_spread(builder, builder.trunc(n, I32)))


def _load_first(builder: Any, address: Any, n: Any) -> Any:
    pointer = builder.inttoptr(address, FLOATS.as_pointer())
    others = emit_spread(builder, emit_load(builder, address, F32))
    options = ir.Constant(I32, 4), _emit_first(builder, n), others
    return emit_call(builder, "llvm.masked.load.v16f32.p0", FLOATS, pointer, *options)


def _store_first(builder: Any, address: Any, vector: Any, n: Any) -> None:
    pointer = builder.inttoptr(address, FLOATS.as_pointer())
    options = ir.Constant(I32, 4), _emit_first(builder, n)
    emit_call(builder, "llvm.masked.store.v16f32.p0", ir.VoidType(), vector, pointer, *options)


def _multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    return emit_call(builder, "llvm.fmuladd.v16f32", FLOATS, a, b, c)


def _minimum(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.fcmp_ordered("<", a, b), a, b)


def _nearest(builder: Any, a: Any) -> Any:
    # A sum of this size has no digits after the point, and is rounded to even.
    large = ir.Constant(FLOATS, [1.5 * 2**23] * LANES)
    return builder.fsub(builder.fadd(a, large), large)


def _square_root(builder: Any, a: Any) -> Any:
    return emit_call(builder, "llvm.sqrt.v16f32", FLOATS, a)


def _largest_lane(builder: Any, a: Any) -> Any:
    # In four halvings; LLVM's own reduction cares for NaN, and takes three times as long.
    for half in (8, 4, 2, 1):
        turned = ir.Constant(INTS, [(lane + half) % LANES for lane in range(LANES)])
        a = emit_maximum(builder, a, builder.shuffle_vector(a, a, turned))
    return builder.extract_element(a, ir.Constant(I32, 0))


def _above_zero(builder: Any, a: Any) -> Any:
    is_above = builder.fcmp_ordered(">", a, ir.Constant(FLOATS, None))
    return builder.zext(builder.bitcast(is_above, ir.IntType(LANES)), I64)


def _power_of_two(builder: Any, a: Any) -> Any:
    shifted = builder.shl(builder.bitcast(a, INTS), emit_constant(23))
    return builder.bitcast(builder.add(shifted, emit_constant(127 << 23)), FLOATS)


def _exponent(builder: Any, a: Any) -> Any:
    above = builder.sub(builder.bitcast(a, INTS), emit_constant(0x3F3504F3))
    return builder.sitofp(builder.ashr(above, emit_constant(23)), FLOATS)


def _store_bytes(builder: Any, address: Any, a: Any, b: Any, c: Any, d: Any) -> None:
    word = emit_constant(0)
    for place, vector in enumerate((a, b, c, d)):
        byte = builder.shl(builder.fptosi(vector, INTS), emit_constant(8 * place))
        word = builder.or_(word, byte)
    emit_store(builder, word, address)


def _transpose(builder: Any, source: Any, source_step: Any, target: Any) -> None:
    rows = []
    for _ in range(LANES):
        rows.append(emit_load(builder, source, FLOATS))
        source = builder.add(source, source_step)
    # Swap the off-diagonal quarters of squares of 16, 8, 4 and 2.
    for half in (8, 4, 2, 1):
        upper = [lane if not lane & half else LANES + lane - half for lane in range(LANES)]
        lower = [lane + half if not lane & half else LANES + lane for lane in range(LANES)]
        for row in range(LANES):
            if not row & half:
                a, b = rows[row], rows[row + half]
                rows[row] = builder.shuffle_vector(a, b, ir.Constant(INTS, upper))
                rows[row + half] = builder.shuffle_vector(a, b, ir.Constant(INTS, lower))
    for place, row in enumerate(rows):
        address = builder.add(target, ir.Constant(I64, place * VECTOR_BYTES))
        emit_store(builder, row, address)


_ADDRESS = types.int64

zeros = _operation(_zeros, VECTOR)
"""``zeros() -> vector``"""

load = _operation(_load, VECTOR, _ADDRESS)
"""``load(address) -> vector``: 16 floats."""

load_first = _operation(_load_first, VECTOR, _ADDRESS, types.int64)
"""``load_first(address, n) -> vector``: n floats, at least one; then the first one again.

Nothing else is read.
"""

load_integers = _operation(_load_integers, VECTOR, _ADDRESS)
"""``load_integers(address) -> vector``: 16 signed 32-bit integers, as floats."""

spread = _operation(emit_spread, VECTOR, types.float32)
"""``spread(number) -> vector``: the number in every lane."""

spread_at = _operation(_spread_at, VECTOR, _ADDRESS)
"""``spread_at(address) -> vector``: the float at an address in every lane."""

store = _operation(_store, types.void, _ADDRESS, VECTOR)
"""``store(address, vector)``"""

store_first = _operation(_store_first, types.void, _ADDRESS, VECTOR, types.int64)
"""``store_first(address, vector, n)``: the first n lanes; nothing else is written."""

store_bytes = _operation(_store_bytes, types.void, _ADDRESS, VECTOR, VECTOR, VECTOR, VECTOR)
"""``store_bytes(address, a, b, c, d)``: a byte of each, a[0] b[0] c[0] d[0] a[1] ..., 64 bytes.

The floats must be integers in [0, 255].
"""

transpose = _operation(_transpose, types.void, _ADDRESS, types.int64, _ADDRESS)
"""``transpose(source, source_step, target)``: 16 x 16 floats, from rows `source_step` bytes apart
to rows that follow each other."""

multiply_add = _operation(_multiply_add, VECTOR, VECTOR, VECTOR, VECTOR)
"""``multiply_add(a, b, c) -> vector``: a * b + c, rounded once where the processor can."""

maximum = _operation(emit_maximum, VECTOR, VECTOR, VECTOR)
"""``maximum(a, b) -> vector``"""

minimum = _operation(_minimum, VECTOR, VECTOR, VECTOR)
"""``minimum(a, b) -> vector``"""

nearest = _operation(_nearest, VECTOR, VECTOR)
"""``nearest(a) -> vector``: the nearest integer, ties to even, for |a| below 2^22."""

square_root = _operation(_square_root, VECTOR, VECTOR)
"""``square_root(a) -> vector``"""

largest_lane = _operation(_largest_lane, types.float32, VECTOR)
"""``largest_lane(a) -> float32``"""

above_zero = _operation(_above_zero, types.uint64, VECTOR)
"""``above_zero(a) -> uint64``: bit i says whether lane i is above zero."""

exponent = _operation(_exponent, VECTOR, VECTOR)
"""``exponent(a) -> vector``: e so that a / 2^e is in [sqrt(1/2), sqrt(2)), for a > 0."""

power_of_two = _operation(_power_of_two, VECTOR, VECTOR)
"""``power_of_two(a) -> vector``: 2^n for a = 1.5 * 2^23 + n, n in [-126, 127].

The sum has n in its lowest bits, which become the exponent.
"""
