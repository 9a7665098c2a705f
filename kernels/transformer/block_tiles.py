"""The register tile of a matrix of 4x1 blocks: four rows that have the same columns.

    for block in range(depth):                   # the columns that are not zero in these rows
        for r in range(4):                       # unrolled: 4 x vectors sums in registers
            for v in range(vectors):
                sums[r, v] += values[block, r] * lanes[columns[block], 16 * v : 16 * v + 16]

In bytes, four blocks make a step, whose columns lie anywhere, while vpdpbusd sums four bytes that
lie together. So a feature's bytes of 64 tokens are a line, and four lines are interleaved in
registers. Interleaving works inside of quarters of a register; the tokens of a line stand in the
order that makes of it 16 tokens in a row (`deal_lines`).

Tiles are called as ``float_block_tile(strips, vectors, values, columns, depth, next_depth, lanes,
out, out_step)``: strips and vectors are constants, the rest addresses and steps in bytes, which
nothing checks. Depths, of bytes in steps, may be 0. With one vector of tokens there are too few
sums to keep a processor busy, so two strips that follow each other can be computed at once;
next_depth is that of the second.

Paper: H. Shen, H. Meng, B. Dong, Z. Wang, O. Zafrir, Y. Ding, Y. Luo, H. Chang, Q. Gao, Z. Wang,
G. Boudoukh, M. Wasserblat, "An Efficient Sparse Inference Software Accelerator for
Transformer-based Language Models on CPUs", 2023, section 3, for the 4x1 block of bytes.
"""

from __future__ import annotations

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
    emit_load,
    emit_spread,
    emit_store,
)
from lsr.kernels.transformer.tiles import add_dot, add_product, emit_prefetch, offset

BLOCK_ROWS = 4
"""Rows of a block."""

STEP_BLOCKS = 4
"""Blocks that the tile of bytes takes at once."""

PREFETCH_BYTES = 2048
"""Distance at which values are asked for: a quarter of a dense tile's, as strips are shorter."""

COLUMN_BYTES = 2
"""What the number of a column takes."""

VALUE_BYTES = 16
"""What the values of a step take: four floats, or four blocks of four bytes."""

I16 = ir.IntType(16)

LINE = ir.VectorType(ir.IntType(8), 4 * LANES)
"""A feature's bytes of 64 tokens."""

SHORT_LINE = ir.VectorType(ir.IntType(8), LANES)
"""A feature's bytes of 16 tokens, where there are no more: four times as many fit a cache."""

Sums = list[list[Any]]
Step = Callable[[Any, Any, Sums, tuple[Any, ...]], Sums]


def _make_tile(kind: Any, step: Step, column_bytes: int) -> Any:
    """Make a tile.

    Args:
        kind: FLOATS or INTS.
        step: writes the sums after one step from builder, number, sums and operands.
        column_bytes: what the columns of a step take.
    """

    def generate(strips: int, vectors: int, builder: Any, arguments: Any) -> None:
        values, columns, depth, next_depth, lanes, out, out_step = arguments
        zero = ir.Constant(kind, None)
        all_sums = [[[zero] * vectors for _ in range(BLOCK_ROWS)] for _ in range(strips)]
        operands = [(values, columns, lanes)]
        both = ir.Constant(I64, 0)
        if strips == 2:
            is_less = builder.icmp_signed("<", depth, next_depth)
            both = builder.select(is_less, depth, next_depth)
            next_values = offset(builder, values, depth, VALUE_BYTES)
            next_columns = offset(builder, columns, depth, column_bytes)
            operands.append((next_values, next_columns, lanes))

            def two_steps(number: Any, sums: Sums) -> Sums:
                upper = step(builder, number, sums[:BLOCK_ROWS], operands[0])
                return upper + step(builder, number, sums[BLOCK_ROWS:], operands[1])

            start = ir.Constant(I64, 0)
            sums = _emit_loop(builder, start, both, all_sums[0] + all_sums[1], two_steps)
            all_sums = [sums[:BLOCK_ROWS], sums[BLOCK_ROWS:]]
        for strip, end in zip(range(strips), (depth, next_depth), strict=False):
            own = operands[strip]

            def one_step(number: Any, sums: Sums, own: tuple[Any, ...] = own) -> Sums:
                return step(builder, number, sums, own)

            for row in _emit_loop(builder, both, end, all_sums[strip], one_step):
                for vector, total in enumerate(row):
                    emit_store(builder, total, offset(builder, out, VECTOR_BYTES, vector))
                out = builder.add(out, out_step)

    @intrinsic(prefer_literal=True)
    def tile(
        typing_context: Any,
        strips: Any,
        vectors: Any,
        values: Any,
        columns: Any,
        depth: Any,
        next_depth: Any,
        lanes: Any,
        out: Any,
        out_step: Any,
    ) -> Any:
        def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            generate(strips.literal_value, vectors.literal_value, builder, arguments[2:])
            return context.get_dummy_value()

        return types.void(strips, vectors, *[types.int64] * 7), lower

    return tile


def _emit_loop(
    builder: Any, start: Any, end: Any, sums: Sums, body: Callable[[Any, Sums], Sums]
) -> Sums:
    """Write ``for number in range(start, end): sums = body(number, sums)``; return the sums."""
    before = builder.block
    head = builder.append_basic_block("step")
    inside = builder.append_basic_block("body")
    after = builder.append_basic_block("done")
    builder.branch(head)

    builder.position_at_end(head)
    number = builder.phi(I64)
    number.add_incoming(start, before)
    held = [[builder.phi(one.type) for one in row] for row in sums]
    builder.cbranch(builder.icmp_signed("<", number, end), inside, after)

    builder.position_at_end(inside)
    new_sums = body(number, held)
    number.add_incoming(builder.add(number, ir.Constant(I64, 1)), inside)
    for row, old_row, new_row in zip(held, sums, new_sums, strict=True):
        for phi, old, new in zip(row, old_row, new_row, strict=True):
            phi.add_incoming(old, before)
            phi.add_incoming(new, inside)
    builder.branch(head)

    builder.position_at_end(after)
    return held


def _float_step(builder: Any, number: Any, sums: Sums, operands: tuple[Any, ...]) -> Sums:
    values, columns, lanes = operands
    value = offset(builder, values, number, VALUE_BYTES)
    emit_prefetch(builder, value, PREFETCH_BYTES)
    at = offset(builder, columns, number, COLUMN_BYTES)
    column = builder.zext(emit_load(builder, at, I16, align=2), I64)
    line = offset(builder, lanes, column, VECTOR_BYTES * len(sums[0]))
    loaded = [
        emit_load(builder, offset(builder, line, VECTOR_BYTES, vector), FLOATS)
        for vector in range(len(sums[0]))
    ]
    new_sums = []
    for place, row in enumerate(sums):
        scalar = emit_load(builder, offset(builder, value, 4, place), FLOATS.element)
        spread = emit_spread(builder, scalar)
        new_sums.append(
            [add_product(builder, old, spread, one) for old, one in zip(row, loaded, strict=True)]
        )
    return new_sums


def _byte_step(builder: Any, number: Any, sums: Sums, operands: tuple[Any, ...]) -> Sums:
    values, columns, lanes = operands
    value = offset(builder, values, number, VALUE_BYTES)
    emit_prefetch(builder, value, PREFETCH_BYTES)
    n_vectors = len(sums[0])
    kind = SHORT_LINE if n_vectors == 1 else LINE
    # One load for all columns: loads are what bounds the loop.
    every = emit_load(builder, offset(builder, columns, number, COLUMN_BYTES * STEP_BLOCKS), I64)
    lines = []
    for place in range(STEP_BLOCKS):
        bits = 8 * COLUMN_BYTES
        shifted = builder.lshr(every, ir.Constant(I64, place * bits))
        column = builder.and_(shifted, ir.Constant(I64, (1 << bits) - 1))
        lines.append(emit_load(builder, offset(builder, lanes, column, kind.count), kind))
    loaded = [_interleave_short(builder, lines)] if n_vectors == 1 else []
    loaded = loaded or _interleave(builder, lines, n_vectors)
    new_sums = []
    for place, row in enumerate(sums):
        scalar = emit_load(builder, offset(builder, value, STEP_BLOCKS, place), I32)
        spread = emit_spread(builder, scalar)
        new_sums.append(
            [add_dot(builder, old, one, spread) for old, one in zip(row, loaded, strict=True)]
        )
    return new_sums


def _interleave(builder: Any, lines: list[Any], n_vectors: int) -> list[Any]:
    """Return the bytes of four lines, four to a lane, 16 tokens to a vector."""
    a, b, c, d = lines
    vectors: list[Any] = []
    for half in (False, True)[: -(-n_vectors // 2)]:
        ab = builder.shuffle_vector(a, b, _unpack(1, half))
        cd = builder.shuffle_vector(c, d, _unpack(1, half))
        vectors += [builder.shuffle_vector(ab, cd, _unpack(2, upper)) for upper in (False, True)]
    return [builder.bitcast(vector, INTS) for vector in vectors[:n_vectors]]


def _unpack(size: int, upper: bool) -> Any:
    """Return the order that mixes the lower or upper halves of quarters, `size` bytes at a time."""
    order = []
    for quarter in range(0, VECTOR_BYTES, 16):
        first = quarter + 8 * upper
        for element in range(first, first + 8, size):
            for source in (0, VECTOR_BYTES):
                order += [source + element + byte for byte in range(size)]
    return _order(order)


def _order(places: list[int]) -> Any:
    return ir.Constant(ir.VectorType(I32, len(places)), places)


def _interleave_short(builder: Any, lines: list[Any]) -> Any:
    """Return the bytes of four short lines, four to a lane."""
    together = [_order(list(range(2 * LANES))), _order(list(range(4 * LANES)))]
    halves = [builder.shuffle_vector(*lines[at : at + 2], together[0]) for at in (0, 2)]
    joined = builder.shuffle_vector(*halves, together[1])
    mixed = [LANES * line + token for token in range(LANES) for line in range(STEP_BLOCKS)]
    nothing = ir.Constant(LINE, ir.Undefined)
    return builder.bitcast(builder.shuffle_vector(joined, nothing, _order(mixed)), INTS)


@intrinsic
def deal_lines(typing_context: Any, a: Any, b: Any, c: Any, d: Any, target: Any) -> Any:
    """Make of four vectors of 16 tokens with four features each the lines of these features.

    ``deal_lines(a, b, c, d, target)`` takes addresses. Byte ``16 q + 4 v + i`` of a line is that of
    token ``4 q + i`` of vector ``v``.
    """

    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        *sources, first = arguments
        turned = [q + 4 * i + f for q in range(0, 64, 16) for f in range(4) for i in range(4)]
        rows = [_load_turned(builder, source, turned) for source in sources]
        for feature, line in enumerate(_transpose_quarters(builder, rows)):
            emit_store(builder, line, offset(builder, first, VECTOR_BYTES, feature))
        return context.get_dummy_value()

    return types.void(*[types.int64] * 5), lower


@intrinsic
def deal_short_lines(typing_context: Any, source: Any, target: Any) -> Any:
    """Make of one vector of 16 tokens with four features the short lines of these features."""

    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        turned = [4 * token + f for f in range(4) for token in range(LANES)]
        emit_store(builder, _load_turned(builder, arguments[0], turned), arguments[1])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), lower


def _load_turned(builder: Any, source: Any, order: list[int]) -> Any:
    nothing = ir.Constant(LINE, ir.Undefined)
    loaded = emit_load(builder, source, LINE)
    return builder.bitcast(builder.shuffle_vector(loaded, nothing, _order(order)), INTS)


def _transpose_quarters(builder: Any, rows: list[Any]) -> list[Any]:
    """Transpose the 4 x 4 numbers that four vectors have in each quarter."""
    for half in (2, 1):
        upper = [n if not n & half else 16 + n - half for n in range(16)]
        lower = [n + half if not n & half else 16 + n for n in range(16)]
        for place in range(4):
            if not place & half:
                a, b = rows[place], rows[place + half]
                rows[place] = builder.shuffle_vector(a, b, _order(upper))
                rows[place + half] = builder.shuffle_vector(a, b, _order(lower))
    return rows


float_block_tile = _make_tile(FLOATS, _float_step, COLUMN_BYTES)
"""The tile in float32. Values are float32, [block][row]."""

byte_block_tile = _make_tile(INTS, _byte_step, COLUMN_BYTES * STEP_BLOCKS)
"""The tile in bytes, whose sums are 32-bit integers. Values are signed, [step][row][block of the
step]; lines unsigned."""
