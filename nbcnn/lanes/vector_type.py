"""The Numba type ``lanes``, a 16-wide LLVM vector of float32 or float64, its mask type, and their LLVM code."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import models, register_model

from nbcnn.util.lane_width import LANES

WIDTH = LANES
FLAGS = ("contract",)


class LanesType(types.Type):
    """16 floats, one for each image of a pack; or fewer in the sums of a part of one, see ``part_of``."""

    def __init__(self, dtype: types.Float, width: int = WIDTH) -> None:
        self.dtype, self.width = dtype, width
        super().__init__(name=f"lanes({dtype})" if width == WIDTH else f"lanes({dtype}, {width} images)")


class MaskType(types.Type):
    """16 truth values: the result of a comparison of lanes."""

    def __init__(self) -> None:
        super().__init__(name="lanes(mask)")


LANES32, LANES64, MASK = LanesType(types.float32), LanesType(types.float64), MaskType()
LANES_OF = {types.float32: LANES32, types.float64: LANES64}
FLOAT = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}
BITS = {
    types.float32: (ir.IntType(32), 23, 127, 12582912.0),
    types.float64: (ir.IntType(64), 52, 1023, 6755399441055744.0),
}


@register_model(LanesType)
class LanesModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, ir.VectorType(FLOAT[fe_type.dtype], fe_type.width))


@register_model(MaskType)
class MaskModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, ir.VectorType(ir.IntType(1), WIDTH))


def constant(dtype, number):
    """A constant vector."""
    return ir.Constant(ir.VectorType(FLOAT[dtype], WIDTH), [number] * WIDTH)


def broadcast(builder, number, width=WIDTH):
    """Insert into lane 0, then shuffle lane 0 everywhere: LLVM's form of a broadcast."""
    vector_type = ir.VectorType(number.type, width)
    first = builder.insert_element(ir.Constant(vector_type, ir.Undefined), number, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
    return builder.shuffle_vector(first, ir.Constant(vector_type, ir.Undefined), zeros)


def sum_of_lanes(builder, value):
    """The sum of the 16 numbers, neighbours at distance 8, 4, 2, 1; of 8 the same from distance 4 on."""
    half = value.type.count // 2
    while half:
        low, high = (ir.Constant(ir.VectorType(ir.IntType(32), half), [*range(s, s + half)]) for s in (0, half))
        undefined = ir.Constant(value.type, ir.Undefined)
        value = builder.fadd(
            builder.shuffle_vector(value, undefined, low), builder.shuffle_vector(value, undefined, high)
        )
        half //= 2
    return builder.extract_element(value, ir.IntType(32)(0))


def address(context, builder, array_type, array, index_type, index, count=None):
    """Address of x[index] as a pointer to a vector, of which ``count`` numbers will be looked at (16 if it is None).

    An index that leaves out only the last axis says that it is 16 long: a constant stride costs no multiplication.
    """
    ary = context.make_array(array_type)(context, builder, array)
    given = [
        context.cast(builder, i, t, types.intp)
        for i, t in zip(cgutils.unpack_tuple(builder, index, len(index_type)), index_type, strict=True)
    ]
    zero = context.get_constant(types.intp, 0)
    indices = given + [zero] * (array_type.ndim - len(given))
    shape = cgutils.unpack_tuple(builder, ary.shape, array_type.ndim)
    if context.enable_boundscheck:
        for axis, (i, length) in enumerate(zip(indices, shape, strict=True)):
            last = i
            if axis == array_type.ndim - 1:
                reach = i.type(WIDTH - 1)
                if count is not None:
                    reach = builder.sub(_between(builder, count, i.type(1), i.type(WIDTH)), i.type(1))
                last = builder.add(i, reach)
            cgutils.do_boundscheck(context, builder, i, length, axis)
            cgutils.do_boundscheck(context, builder, last, length, axis)
    if len(given) == array_type.ndim - 1:
        if context.enable_boundscheck:
            cgutils.do_boundscheck(context, builder, shape[-1], context.get_constant(types.intp, WIDTH + 1), len(given))
        shape[-1] = context.get_constant(types.intp, WIDTH)
    offset = indices[0]
    for i, length in zip(indices[1:], shape[1:], strict=True):
        offset = builder.add(builder.mul(offset, length, flags=("nsw",)), i, flags=("nsw",))
    number = builder.gep(ary.data, [offset], inbounds=True)
    return builder.bitcast(number, ir.VectorType(FLOAT[array_type.dtype], WIDTH).as_pointer())


def part_of(builder, place, first, width):
    """The address of ``width`` lanes from ``first`` on, of those at ``place``."""
    number = builder.gep(builder.bitcast(place, place.type.pointee.element.as_pointer()), [first], inbounds=True)
    return builder.bitcast(number, ir.VectorType(place.type.pointee.element, width).as_pointer())


def _between(builder, number, low, high):
    number = builder.select(builder.icmp_signed("<", number, low), low, number)
    return builder.select(builder.icmp_signed(">", number, high), high, number)


def lanes_of(*args):
    """The lanes type that operands meet in, or None: lanes with lanes, a float of their precision or a whole number.

    A float64 beside float32 lanes is refused, because rounding it would be silent.
    """
    lanes = [a for a in args if isinstance(a, LanesType) and a.width == WIDTH]
    if not lanes or any(a is not lanes[0] and a != lanes[0].dtype and not isinstance(a, types.Integer) for a in args):
        return None
    return lanes[0]


def spread(context, builder, lanes, values, value_types):
    """All operands as vectors."""
    return [
        v if t is lanes else broadcast(builder, context.cast(builder, v, t, lanes.dtype))
        for v, t in zip(values, value_types, strict=True)
    ]


def is_pack(x, index) -> bool:
    """Whether x is an array that lanes can be loaded from, and index a tuple of whole numbers that fits it."""
    return (
        isinstance(x, types.Array)
        and x.layout == "C"
        and x.dtype in LANES_OF
        and isinstance(index, types.BaseTuple)
        and len(index) <= x.ndim
        and all(isinstance(t, types.Integer) for t in index)
    )


def whole_numbers(t) -> bool:
    """Whether a type is a tuple of whole numbers."""
    return isinstance(t, types.UniTuple) and isinstance(t.dtype, types.Integer)


def lanes_of_images(dtype, images):
    """The type of lanes for a tuple of images, 16 or 8 of them, or all 16 for none; else None."""
    if images is types.none:
        return LANES_OF[dtype]
    if not whole_numbers(images) or len(images) not in (WIDTH, WIDTH // 2):
        return None
    return LANES_OF[dtype] if len(images) == WIDTH else LanesType(dtype, len(images))
