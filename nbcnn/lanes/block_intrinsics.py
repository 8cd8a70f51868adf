"""Numba intrinsics for blocks of sums: tuples of lanes, which LLVM keeps in as many registers.

How many sums a block has is in the types of its tuples, so each size of block is compiled for itself, without a loop.
"""

from __future__ import annotations

from itertools import product

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nbcnn.lanes.block_loads import fits, places, whole
from nbcnn.lanes.partial_intrinsics import store_first
from nbcnn.lanes.vector_type import FLAGS, LANES_OF, LanesType, broadcast, sum_of_lanes


@intrinsic
def strided(typingctx, first, step, like):
    """The tuple (first, first + step, first + 2 step, ...) of whole numbers, as long as ``like``."""
    if not all(isinstance(t, types.Integer) for t in (first, step)) or not whole(like):
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
    if number not in LANES_OF or not whole(like):
        return None

    def codegen(context, builder, sig, args):
        return context.make_tuple(builder, sig.return_type, [args[0]] * len(sig.return_type))

    return types.UniTuple(number, len(like))(number, like), codegen


@intrinsic
def start_sums(typingctx, starts, columns):
    """A block of sums: a row for each number, which all of its sums begin with; a column for each of ``columns``."""
    if not isinstance(starts, types.UniTuple) or starts.dtype not in LANES_OF or not whole(columns):
        return None

    def codegen(context, builder, sig, args):
        result = sig.return_type
        rows = [
            context.make_tuple(builder, result.dtype, [broadcast(builder, number)] * len(result.dtype))
            for number in cgutils.unpack_tuple(builder, args[0], len(result))
        ]
        return context.make_tuple(builder, result, rows)

    row = types.UniTuple(LANES_OF[starts.dtype], len(columns))
    return types.UniTuple(row, len(starts))(starts, columns), codegen


@intrinsic
def add_products(typingctx, s, u, v):
    """The block s with u[m] · v[n] added to the sum in row m, column n; u holds numbers or lanes, v lanes."""
    if not all(isinstance(t, types.UniTuple) for t in (s, u, v)) or not _is_block(s):
        return None
    lanes = s.dtype.dtype
    if v.dtype is not lanes or u.dtype not in (lanes, lanes.dtype) or (len(s), len(s.dtype)) != (len(u), len(v)):
        return None

    def codegen(context, builder, sig, args):
        factors = cgutils.unpack_tuple(builder, args[1], len(sig.args[1]))
        if not isinstance(sig.args[1].dtype, LanesType):
            factors = [broadcast(builder, factor) for factor in factors]
        values = cgutils.unpack_tuple(builder, args[2], len(sig.args[2]))
        rows = []
        for sums, factor in zip(_rows(builder, sig.args[0], args[0]), factors, strict=True):
            added = [
                builder.fadd(one, builder.fmul(value, factor, flags=FLAGS), flags=FLAGS)
                for one, value in zip(sums, values, strict=True)
            ]
            rows.append(context.make_tuple(builder, sig.return_type.dtype, added))
        return context.make_tuple(builder, sig.return_type, rows)

    return s(s, u, v), codegen


@intrinsic
def add_sums(typingctx, s, t):
    """The block s with each sum of t, a block as large, added to its own."""
    if not isinstance(s, types.UniTuple) or not _is_block(s) or s != t:
        return None

    def codegen(context, builder, sig, args):
        rows = [
            context.make_tuple(
                builder, sig.return_type.dtype, [builder.fadd(*both, flags=FLAGS) for both in zip(*pair, strict=True)]
            )
            for pair in zip(*(_rows(builder, s, value) for value in args), strict=True)
        ]
        return context.make_tuple(builder, sig.return_type, rows)

    return s(s, t), codegen


@intrinsic
def store_each(typingctx, y, index, s):
    """Write a block to the places of an index with two tuples, the first for its rows, the second for its columns."""
    if not _takes(y, index, s):
        return None

    def codegen(context, builder, sig, args):
        sums = [one for row in _rows(builder, sig.args[2], args[2]) for one in row]
        for one, place in zip(sums, places(context, builder, sig, args), strict=True):
            builder.store(one, place, align=sig.args[0].dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(y, index, s), codegen


@intrinsic
def store_sums_masked(typingctx, y, index, s, size):
    """As ``store_each``, where y has rows of ``size`` numbers: of each sum the numbers before a row's end.

    An index is (rows, columns), whole numbers both.
    """
    if not _takes(y, index, s) or y.ndim != 2 or not isinstance(size, types.Integer):
        return None

    def codegen(context, builder, sig, args):
        sums = [one for row in _rows(builder, sig.args[2], args[2]) for one in row]
        rows, columns = (cgutils.unpack_tuple(builder, t) for t in cgutils.unpack_tuple(builder, args[1]))
        end = context.cast(builder, args[3], sig.args[3], types.intp)
        pair = types.UniTuple(types.intp, 2)
        for one, (row, column) in zip(sums, product(rows, columns), strict=True):
            index = context.make_tuple(builder, pair, (row, column))
            store_first(context, builder, (sig.args[0], args[0]), (pair, index), one, builder.sub(end, column))
        return context.get_dummy_value()

    return types.void(y, index, s, size), codegen


@intrinsic
def store_sums(typingctx, dw, index, s):
    """As ``store_each``, of each sum the one number that adding up its lanes gives."""
    if not _takes(dw, index, s) or len(index) != dw.ndim:
        return None

    def codegen(context, builder, sig, args):
        sums = [one for row in _rows(builder, sig.args[2], args[2]) for one in row]
        for one, place in zip(sums, places(context, builder, sig, args, lanes=False), strict=True):
            builder.store(sum_of_lanes(builder, one), place)
        return context.get_dummy_value()

    return types.void(dw, index, s), codegen


def _is_block(s) -> bool:
    return isinstance(s.dtype, types.UniTuple) and isinstance(s.dtype.dtype, LanesType)


def _rows(builder, block, value):
    """The sums of a block, row by row."""
    rows = cgutils.unpack_tuple(builder, value, len(block))
    return [cgutils.unpack_tuple(builder, row, len(block.dtype)) for row in rows]


def _takes(y, index, s) -> bool:
    """Whether an array can take a block at the places of an index."""
    if not fits(y, index) or not y.mutable or not isinstance(s, types.UniTuple) or not _is_block(s):
        return False
    return [len(t) for t in index if whole(t)] == [len(s), len(s.dtype)] and s.dtype.dtype is LANES_OF[y.dtype]
