"""Numba intrinsics for blocks of sums: tuples of lanes, which LLVM keeps in as many registers.

How many sums a block has is in the types of its tuples, so each size of block is compiled for itself, without a loop.
"""

from __future__ import annotations

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nbcnn.lanes.vector_type import FLAGS, LANES_OF, LanesType, broadcast, lanes_of_images, whole_numbers


@intrinsic
def strided(typingctx, first, step, like):
    """The tuple (first, first + step, first + 2 step, ...) of whole numbers, as long as ``like``."""
    if not all(isinstance(t, types.Integer) for t in (first, step)) or not whole_numbers(like):
        return None

    def codegen(context, builder, sig, args):
        start, by = (context.cast(builder, args[n], sig.args[n], types.intp) for n in (0, 1))
        found = [start]
        for _ in range(1, len(sig.return_type)):
            found.append(builder.add(found[-1], by, flags=("nsw",)))
        return context.make_tuple(builder, sig.return_type, found)

    return types.UniTuple(types.intp, len(like))(first, step, like), codegen


@intrinsic
def repeated(typingctx, number, like):
    """A tuple of one number, as long as ``like``."""
    if number not in LANES_OF or not whole_numbers(like):
        return None

    def codegen(context, builder, sig, args):
        return context.make_tuple(builder, sig.return_type, [args[0]] * len(sig.return_type))

    return types.UniTuple(number, len(like))(number, like), codegen


@intrinsic
def start_sums(typingctx, starts, columns, images=types.none):
    """A block of sums: a row for each number, which all of its sums begin with; a column for each of ``columns``."""
    if not isinstance(starts, types.UniTuple) or starts.dtype not in LANES_OF or not whole_numbers(columns):
        return None
    lanes = lanes_of_images(starts.dtype, images)
    if lanes is None:
        return None

    def codegen(context, builder, sig, args):
        result = sig.return_type
        rows = [
            context.make_tuple(builder, result.dtype, [broadcast(builder, number, lanes.width)] * len(result.dtype))
            for number in cgutils.unpack_tuple(builder, args[0], len(result))
        ]
        return context.make_tuple(builder, result, rows)

    return types.UniTuple(types.UniTuple(lanes, len(columns)), len(starts))(starts, columns, images), codegen


@intrinsic
def add_products(typingctx, s, u, v):
    """The block s with u[m] · v[n] added to the sum in row m, column n; u holds numbers or lanes, v lanes."""
    if not all(isinstance(t, types.UniTuple) for t in (s, u, v)) or not is_block(s):
        return None
    lanes = s.dtype.dtype
    if v.dtype is not lanes or u.dtype not in (lanes, lanes.dtype) or (len(s), len(s.dtype)) != (len(u), len(v)):
        return None

    def codegen(context, builder, sig, args):
        factors = cgutils.unpack_tuple(builder, args[1], len(sig.args[1]))
        if not isinstance(sig.args[1].dtype, LanesType):
            factors = [broadcast(builder, factor, lanes.width) for factor in factors]
        values = cgutils.unpack_tuple(builder, args[2], len(sig.args[2]))
        rows = []
        for sums, factor in zip(rows_of(builder, sig.args[0], args[0]), factors, strict=True):
            added = [
                builder.fadd(one, builder.fmul(value, factor, flags=FLAGS), flags=FLAGS)
                for one, value in zip(sums, values, strict=True)
            ]
            rows.append(context.make_tuple(builder, sig.return_type.dtype, added))
        return context.make_tuple(builder, sig.return_type, rows)

    return s(s, u, v), codegen


@intrinsic
def add_windows(typingctx, s, u, row):
    """The block s with u[m][0] · row[n], then u[m][1] · row[n + 1], ... added to the sum in row m, column n.

    u holds a tuple of numbers or lanes for each row of s, and row lanes: one more than s has columns for each number of
    u[m] behind the first.
    """
    if not all(isinstance(t, types.UniTuple) for t in (s, u, row)) or not is_block(s):
        return None
    lanes, taps = s.dtype.dtype, u.dtype
    if not isinstance(taps, types.UniTuple) or taps.dtype not in (lanes, lanes.dtype) or row.dtype is not lanes:
        return None
    if len(s) != len(u) or len(row) != len(s.dtype) + len(taps) - 1:
        return None

    def codegen(context, builder, sig, args):
        sums = rows_of(builder, sig.args[0], args[0])
        factors = rows_of(builder, sig.args[1], args[1])
        values = cgutils.unpack_tuple(builder, args[2], len(sig.args[2]))
        for k in range(len(taps)):
            for m, numbers in enumerate(factors):
                factor = numbers[k] if taps.dtype is lanes else broadcast(builder, numbers[k], lanes.width)
                for n, one in enumerate(sums[m]):
                    sums[m][n] = builder.fadd(one, builder.fmul(values[n + k], factor, flags=FLAGS), flags=FLAGS)
        made = [context.make_tuple(builder, sig.return_type.dtype, row) for row in sums]
        return context.make_tuple(builder, sig.return_type, made)

    return s(s, u, row), codegen


@intrinsic
def add_sums(typingctx, s, t):
    """The block s with each sum of t, a block as large, added to its own."""
    if not isinstance(s, types.UniTuple) or not is_block(s) or s != t:
        return None

    def codegen(context, builder, sig, args):
        rows = [
            context.make_tuple(
                builder, sig.return_type.dtype, [builder.fadd(*both, flags=FLAGS) for both in zip(*pair, strict=True)]
            )
            for pair in zip(*(rows_of(builder, s, value) for value in args), strict=True)
        ]
        return context.make_tuple(builder, sig.return_type, rows)

    return s(s, t), codegen


def is_block(s) -> bool:
    return isinstance(s.dtype, types.UniTuple) and isinstance(s.dtype.dtype, LanesType)


def rows_of(builder, block, value):
    """The sums of a block, row by row."""
    rows = cgutils.unpack_tuple(builder, value, len(block))
    return [cgutils.unpack_tuple(builder, row, len(block.dtype)) for row in rows]
