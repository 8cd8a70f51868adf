"""Numba intrinsics that fetch many lanes or numbers at once, at an index some of whose elements are tuples."""

from __future__ import annotations

from itertools import product

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nbcnn.lanes.vector_type import LANES_OF, address, is_pack


def spans(index) -> int:
    """How many elements of an index are tuples of whole numbers."""
    return sum(whole(t) for t in index) if isinstance(index, types.BaseTuple) else 0


def whole(t) -> bool:
    return isinstance(t, types.UniTuple) and isinstance(t.dtype, types.Integer)


def fits(x, index) -> bool:
    return isinstance(index, types.BaseTuple) and is_pack(x, types.Tuple([t.dtype if whole(t) else t for t in index]))


def places(context, builder, sig, args, lanes=True):
    """Where in sig.args[0] an index with tuples is: pointers to lanes, or to numbers; its last tuple runs fastest."""
    elements = cgutils.unpack_tuple(builder, args[1], len(sig.args[1]))
    choices = [
        cgutils.unpack_tuple(builder, value, len(t)) if whole(t) else [value]
        for t, value in zip(sig.args[1], elements, strict=True)
    ]
    single = [t.dtype if whole(t) else t for t in sig.args[1]]
    array = context.make_array(sig.args[0])(context, builder, args[0])
    for chosen in product(*choices):
        if lanes:
            yield address(
                context, builder, sig.args[0], args[0], single, context.make_tuple(builder, types.Tuple(single), chosen)
            )
        else:
            index = [context.cast(builder, i, t, types.intp) for i, t in zip(chosen, single, strict=True)]
            check = context.enable_boundscheck
            yield cgutils.get_item_pointer(context, builder, sig.args[0], array, index, boundscheck=check)


def loaded(context, builder, sig, args, lanes):
    found = [builder.load(place) for place in places(context, builder, sig, args, lanes)]
    for value in found:
        value.align = sig.args[0].dtype.bitwidth // 8
    return context.make_tuple(builder, sig.return_type, found)


def span(index) -> int:
    """The length of the one tuple of an index."""
    return next(len(t) for t in index if whole(t))


@intrinsic
def load_each(typingctx, x, index):
    """The lanes at each place of an index with one tuple."""
    if not fits(x, index) or spans(index) != 1:
        return None
    result = types.UniTuple(LANES_OF[x.dtype], span(index))
    return result(x, index), lambda *given: loaded(*given, lanes=True)


@intrinsic
def load_block(typingctx, x, index):
    """The block that ``store_each`` would put to the places of an index with two tuples."""
    if not fits(x, index) or spans(index) != 2:
        return None

    def codegen(context, builder, sig, args):
        found = [builder.load(place) for place in places(context, builder, sig, args)]
        for value in found:
            value.align = sig.args[0].dtype.bitwidth // 8
        row, columns = sig.return_type.dtype, len(sig.return_type.dtype)
        rows = [
            context.make_tuple(builder, row, found[first : first + columns]) for first in range(0, len(found), columns)
        ]
        return context.make_tuple(builder, sig.return_type, rows)

    rows, columns = (len(t) for t in index if whole(t))
    return types.UniTuple(types.UniTuple(LANES_OF[x.dtype], columns), rows)(x, index), codegen


@intrinsic
def prefetch(typingctx, x, index):
    """Have the cache fetch the lanes at each place of an index with tuples."""
    if not fits(x, index) or spans(index) == 0:
        return None

    def codegen(context, builder, sig, args):
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        function_type = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        prefetch = cgutils.get_or_insert_function(builder.module, function_type, "llvm.prefetch.p0")
        for place in places(context, builder, sig, args):  # to be read, into the nearest cache, data
            builder.call(prefetch, [builder.bitcast(place, byte), number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(x, index), codegen


@intrinsic
def scalars(typingctx, w, index):
    """The number at each place of an index with one tuple; w may lie in memory in any order."""
    if (
        not isinstance(w, types.Array)
        or not fits(w.copy(layout="C"), index)
        or spans(index) != 1
        or len(index) != w.ndim
    ):
        return None
    return types.UniTuple(w.dtype, span(index))(w, index), lambda *given: loaded(*given, lanes=False)
