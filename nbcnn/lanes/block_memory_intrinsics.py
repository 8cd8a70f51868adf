"""Numba intrinsics that load and store blocks: tuples of lane vectors, or of single numbers.

They take an index of which one element (two, for a block) is a tuple, and, where only some images of a pack are summed,
the tuple of these images, which are neighbours.
"""

from __future__ import annotations

from itertools import product

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nbcnn.lanes.block_intrinsics import is_block, rows_of
from nbcnn.lanes.partial_intrinsics import store_first
from nbcnn.lanes.vector_type import (
    LANES_OF,
    WIDTH,
    address,
    is_pack,
    lanes_of_images,
    part_of,
    sum_of_lanes,
    whole_numbers,
)


def _spans(index) -> int:
    """How many elements of an index are tuples of whole numbers."""
    return sum(whole_numbers(t) for t in index) if isinstance(index, types.BaseTuple) else 0


def _fits(x, index) -> bool:
    numbers = [t.dtype if whole_numbers(t) else t for t in index] if isinstance(index, types.BaseTuple) else None
    return numbers is not None and is_pack(x, types.Tuple(numbers))


def _places(context, builder, sig, args, lanes=True, images=(types.none, None)):
    """Where in sig.args[0] an index with tuples is: pointers to lanes, or to numbers; its last tuple runs fastest."""
    elements = cgutils.unpack_tuple(builder, args[1], len(sig.args[1]))
    choices = [
        cgutils.unpack_tuple(builder, value, len(t)) if whole_numbers(t) else [value]
        for t, value in zip(sig.args[1], elements, strict=True)
    ]
    whole = [t.dtype if whole_numbers(t) else t for t in sig.args[1]]
    array = context.make_array(sig.args[0])(context, builder, args[0])
    for chosen in product(*choices):
        if lanes:
            place = address(
                context, builder, sig.args[0], args[0], whole, context.make_tuple(builder, types.Tuple(whole), chosen)
            )
            yield place if images[0] is types.none else _part(context, builder, place, *images)
        else:
            index = [context.cast(builder, i, t, types.intp) for i, t in zip(chosen, whole, strict=True)]
            check = context.enable_boundscheck
            yield cgutils.get_item_pointer(context, builder, sig.args[0], array, index, boundscheck=check)


def _part(context, builder, place, images_type, images):
    """The lanes of some images, of those at a place."""
    first, count = cgutils.unpack_tuple(builder, images, len(images_type))[0], len(images_type)
    first = context.cast(builder, first, images_type.dtype, types.intp)
    if context.enable_boundscheck:
        last, all_lanes = builder.add(first, first.type(count - 1)), first.type(WIDTH)
        cgutils.do_boundscheck(context, builder, first, all_lanes, "images")
        cgutils.do_boundscheck(context, builder, last, all_lanes, "images")
    return part_of(builder, place, first, count)


def _loaded(context, builder, sig, args, lanes, *images):
    found = [builder.load(place) for place in _places(context, builder, sig, args, lanes, *images)]
    for value in found:
        value.align = sig.args[0].dtype.bitwidth // 8
    return context.make_tuple(builder, sig.return_type, found)


def _rows(context, builder, sig, found):
    """The tuple of tuples that a function returns, of all its elements row by row."""
    found, row = list(found), sig.return_type.dtype
    rows = [context.make_tuple(builder, row, found[n : n + len(row)]) for n in range(0, len(found), len(row))]
    return context.make_tuple(builder, sig.return_type, rows)


def _span(index) -> int:
    """The length of the one tuple of an index."""
    return next(len(t) for t in index if whole_numbers(t))


@intrinsic
def load_each(typingctx, x, index, images=types.none):
    """The lanes at each place of an index with one tuple."""
    if not _fits(x, index) or _spans(index) != 1 or not _whole_packs(x, index, images):
        return None
    lanes = lanes_of_images(x.dtype, images)
    if lanes is None:
        return None

    def codegen(context, builder, sig, args):
        return _loaded(context, builder, sig, args, True, (images, args[2]))

    return types.UniTuple(lanes, _span(index))(x, index, images), codegen


@intrinsic
def load_block(typingctx, x, index, images=types.none):
    """The block that ``store_each`` would put to the places of an index with two tuples."""
    if not _fits(x, index) or _spans(index) != 2 or not _whole_packs(x, index, images):
        return None
    lanes = lanes_of_images(x.dtype, images)
    if lanes is None:
        return None

    def codegen(context, builder, sig, args):
        found = [builder.load(place) for place in _places(context, builder, sig, args, True, (images, args[2]))]
        for value in found:
            value.align = sig.args[0].dtype.bitwidth // 8
        return _rows(context, builder, sig, found)

    rows, columns = (len(t) for t in index if whole_numbers(t))
    return types.UniTuple(types.UniTuple(lanes, columns), rows)(x, index, images), codegen


@intrinsic
def prefetch(typingctx, x, index):
    """Have the cache fetch the lanes at each place of an index with tuples."""
    if not _fits(x, index) or _spans(index) == 0:
        return None

    def codegen(context, builder, sig, args):
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        function_type = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        prefetch = cgutils.get_or_insert_function(builder.module, function_type, "llvm.prefetch.p0")
        for place in _places(context, builder, sig, args):  # to be read, into the nearest cache, data
            builder.call(prefetch, [builder.bitcast(place, byte), number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(x, index), codegen


@intrinsic
def scalars(typingctx, w, index):
    """The number at each place of an index with one tuple, or with two: a tuple for each place of the first.

    w may lie in memory in any order.
    """
    if not isinstance(w, types.Array) or not _fits(w.copy(layout="C"), index) or len(index) != w.ndim:
        return None
    if _spans(index) == 1:
        return types.UniTuple(w.dtype, _span(index))(w, index), lambda *given: _loaded(*given, lanes=False)
    if _spans(index) != 2:
        return None
    rows, columns = (len(t) for t in index if whole_numbers(t))

    def codegen(context, builder, sig, args):
        return _rows(context, builder, sig, map(builder.load, _places(context, builder, sig, args, lanes=False)))

    return types.UniTuple(types.UniTuple(w.dtype, columns), rows)(w, index), codegen


@intrinsic
def store_each(typingctx, y, index, s, images=types.none):
    """Write a block to the places of an index with two tuples, the first for its rows, the second for its columns."""
    if not _takes(y, index, s) or not _whole_packs(y, index, images):
        return None
    if s.dtype.dtype is not lanes_of_images(y.dtype, images):
        return None

    def codegen(context, builder, sig, args):
        sums = [one for row in rows_of(builder, sig.args[2], args[2]) for one in row]
        for one, place in zip(sums, _places(context, builder, sig, args, True, (images, args[3])), strict=True):
            builder.store(one, place, align=sig.args[0].dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(y, index, s, images), codegen


@intrinsic
def store_sums_masked(typingctx, y, index, s, size):
    """As ``store_each``, where y has rows of ``size`` numbers: of each sum the numbers before a row's end.

    An index is (rows, columns), whole numbers both.
    """
    if (
        not _takes(y, index, s)
        or s.dtype.dtype is not LANES_OF[y.dtype]
        or y.ndim != 2
        or not isinstance(size, types.Integer)
    ):
        return None

    def codegen(context, builder, sig, args):
        sums = [one for row in rows_of(builder, sig.args[2], args[2]) for one in row]
        rows, columns = (cgutils.unpack_tuple(builder, t) for t in cgutils.unpack_tuple(builder, args[1]))
        end = context.cast(builder, args[3], sig.args[3], types.intp)
        whole = types.UniTuple(types.intp, 2)
        for one, (row, column) in zip(sums, product(rows, columns), strict=True):
            index = context.make_tuple(builder, whole, (row, column))
            store_first(context, builder, (sig.args[0], args[0]), (whole, index), one, builder.sub(end, column))
        return context.get_dummy_value()

    return types.void(y, index, s, size), codegen


@intrinsic
def store_sums(typingctx, dw, index, s):
    """As ``store_each``, of each sum the one number that adding up its lanes gives."""
    if not _takes(dw, index, s) or len(index) != dw.ndim:
        return None

    def codegen(context, builder, sig, args):
        sums = [one for row in rows_of(builder, sig.args[2], args[2]) for one in row]
        for one, place in zip(sums, _places(context, builder, sig, args, lanes=False), strict=True):
            builder.store(sum_of_lanes(builder, one), place)
        return context.get_dummy_value()

    return types.void(dw, index, s), codegen


def _takes(y, index, s) -> bool:
    """Whether an array can take a block at the places of an index."""
    if not _fits(y, index) or not y.mutable or not isinstance(s, types.UniTuple) or not is_block(s):
        return False
    return [len(t) for t in index if whole_numbers(t)] == [len(s), len(s.dtype)] and s.dtype.dtype.dtype == y.dtype


def _whole_packs(x, index, images) -> bool:
    """Whether an index leaves the images to ``images``, if there are any."""
    return images is types.none or len(index) == x.ndim - 1
