"""Numba intrinsics for rows of one image: masked loads and stores, columns of a matrix, every second number."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nbcnn.lanes.vector_type import FLOAT, LANES_OF, WIDTH, LanesType, address, broadcast, is_pack

COLUMNS = 4
"""The number of columns of load_columns: as many float32 as 128 bits hold, within which shuffles are cheap."""


@intrinsic
def load_masked(typingctx, x, index, count):
    """The first ``count`` numbers from x[index] on, zeros in the lanes beyond."""
    if not _is_part(x, index, count):
        return None

    def codegen(context, builder, sig, args):
        vector = ir.VectorType(FLOAT[sig.args[0].dtype], WIDTH)
        place = address(context, builder, sig.args[0], args[0], sig.args[1], args[1], args[2])
        function = _masked(builder, "load", sig.args[0].dtype, vector, [place.type])
        align = ir.IntType(32)(sig.args[0].dtype.bitwidth // 8)
        zeros = ir.Constant(vector, [0.0] * WIDTH)
        return builder.call(function, [place, align, _first(builder, args[2]), zeros])

    return LANES_OF[x.dtype](x, index, types.intp), codegen


@intrinsic
def store_masked(typingctx, x, index, v, count):
    """Write the first ``count`` of the 16 numbers ``v`` from x[index] on."""
    if not _is_part(x, index, count) or not x.mutable or v is not LANES_OF[x.dtype]:
        return None

    def codegen(context, builder, sig, args):
        store_first(context, builder, (sig.args[0], args[0]), (sig.args[1], args[1]), args[2], args[3])
        return context.get_dummy_value()

    return types.void(x, index, v, types.intp), codegen


def store_first(context, builder, array, index, v, count):
    """The code of ``store_masked``; array and index are pairs of a type and a value."""
    place = address(context, builder, *array, *index, count)
    function = _masked(builder, "store", array[0].dtype, ir.VoidType(), [v.type, place.type])
    align = ir.IntType(32)(array[0].dtype.bitwidth // 8)
    builder.call(function, [v, place, align, _first(builder, count)])


@intrinsic
def deinterleave(typingctx, u, v):
    """Of the 32 numbers of u and v those at 0, 2, 4, …"""
    if not isinstance(u, LanesType) or u is not v:
        return None
    places = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [*range(0, 2 * WIDTH, 2)])
    return u(u, v), lambda context, builder, sig, args: builder.shuffle_vector(*args, places)


@intrinsic
def load_columns(typingctx, x, index):
    """Of x (O, F) at index (o, f) four vectors: the k-th holds x[o + l, f + k] in lane l."""
    if not is_pack(x, index) or x.ndim != 2 or len(index) != 2:
        return None

    def codegen(context, builder, sig, args):
        ary = context.make_array(sig.args[0])(context, builder, args[0])
        height, pitch = cgutils.unpack_tuple(builder, ary.shape, 2)
        o, f = (
            context.cast(builder, i, t, types.intp)
            for i, t in zip(cgutils.unpack_tuple(builder, args[1], 2), sig.args[1], strict=True)
        )
        if context.enable_boundscheck:
            for i, more, length, axis in ((o, WIDTH, height, 0), (f, COLUMNS, pitch, 1)):
                cgutils.do_boundscheck(context, builder, i, length, axis)
                cgutils.do_boundscheck(context, builder, builder.add(i, i.type(more - 1)), length, axis)
        first = builder.add(builder.mul(o, pitch), f)
        four = ir.VectorType(FLOAT[sig.args[0].dtype], COLUMNS)
        rows = []
        for l in range(WIDTH):
            number = builder.gep(ary.data, [builder.add(first, builder.mul(pitch, pitch.type(l)))], inbounds=True)
            rows.append(builder.load(builder.bitcast(number, four.as_pointer())))
            rows[-1].align = sig.args[0].dtype.bitwidth // 8
        # Rows r, r + 4, r + 8 and r + 12 side by side, so that only neighbours within a quarter have to change places.
        z = [_joined(builder, [rows[r], rows[r + 4], rows[r + 8], rows[r + 12]]) for r in range(4)]
        low = [_quarters(builder, z[r], z[r + 1], (0, 16, 1, 17)) for r in (0, 2)]
        high = [_quarters(builder, z[r], z[r + 1], (2, 18, 3, 19)) for r in (0, 2)]
        turned = [_quarters(builder, *pair, way) for pair in (low, high) for way in ((0, 1, 16, 17), (2, 3, 18, 19))]
        return context.make_tuple(builder, sig.return_type, turned)

    return types.UniTuple(LANES_OF[x.dtype], COLUMNS)(x, index), codegen


def _joined(builder, parts):
    """Vectors one after the other in one."""
    while len(parts) > 1:
        length = 2 * parts[0].type.count
        places = ir.Constant(ir.VectorType(ir.IntType(32), length), [*range(length)])
        parts = [builder.shuffle_vector(u, v, places) for u, v in zip(parts[::2], parts[1::2], strict=True)]
    return parts[0]


def _quarters(builder, u, v, way):
    """In each quarter of 4 lanes those lanes of u (0 to 3) and v (16 to 19) that ``way`` names."""
    places = [quarter + lane for quarter in range(0, WIDTH, 4) for lane in way]
    return builder.shuffle_vector(u, v, ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), places))


def _is_part(x, index, count) -> bool:
    return is_pack(x, index) and len(index) == x.ndim and isinstance(count, types.Integer)


def _first(builder, count):
    """A mask of the first ``count`` lanes."""
    word = ir.IntType(32)
    numbers = ir.Constant(ir.VectorType(word, WIDTH), [*range(WIDTH)])
    return builder.icmp_signed("<", numbers, broadcast(builder, builder.trunc(count, word)))


def _masked(builder, word, dtype, result, more):
    """LLVM's masked load or store."""
    mask = ir.VectorType(ir.IntType(1), WIDTH)
    arguments = [*more, ir.IntType(32), mask] + ([result] if word == "load" else [])
    name = f"llvm.masked.{word}.v{WIDTH}f{dtype.bitwidth}.p0"
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, arguments), name)
