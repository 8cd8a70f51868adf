"""Numba intrinsics for the functions of words.py: their types and LLVM instructions.

Arithmetic carries LLVM's ``contract`` flag and no other, so that ``s + x * w`` becomes one fused multiply-add and
nothing is reordered: results are the same bits for every vector width that the machine may have.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

import nbcnn.lanes.operators  # noqa: F401  (+ - * / and comparisons register themselves)
from nbcnn.lanes.vector_type import (
    BITS,
    LANES_OF,
    MASK,
    WIDTH,
    LanesType,
    address,
    broadcast,
    constant,
    is_pack,
    lanes_of,
    spread,
    sum_of_lanes,
)


@intrinsic
def load(typingctx, x, index):
    """The 16 numbers that start at x[index]; missing last indices are 0."""
    if not is_pack(x, index):
        return None

    def codegen(context, builder, sig, args):
        place = address(context, builder, sig.args[0], args[0], sig.args[1], args[1])
        value = builder.load(place)
        value.align = sig.args[0].dtype.bitwidth // 8
        return value

    return LANES_OF[x.dtype](x, index), codegen


@intrinsic
def store(typingctx, x, index, v):
    """Write the 16 numbers ``v`` from x[index] on."""
    if not is_pack(x, index) or not x.mutable or v is not LANES_OF[x.dtype]:
        return None

    def codegen(context, builder, sig, args):
        place = address(context, builder, sig.args[0], args[0], sig.args[1], args[1])
        builder.store(args[2], place, align=sig.args[0].dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(x, index, v), codegen


@intrinsic
def splat(typingctx, number):
    """The same number in every lane; a float32 gives float32 lanes, a float64 float64 lanes."""
    if number not in LANES_OF:
        return None
    return LANES_OF[number](number), lambda context, builder, sig, args: broadcast(builder, args[0])


@intrinsic
def where(typingctx, mask, u, v):
    """u where the mask holds, else v."""
    lanes = lanes_of(u, v)
    if mask is not MASK or lanes is None:
        return None

    def codegen(context, builder, sig, args):
        return builder.select(args[0], *spread(context, builder, lanes, args[1:], sig.args[1:]))

    return lanes(mask, u, v), codegen


@intrinsic
def maximum(typingctx, u, v):
    """The larger one, lane by lane; NaN stays NaN."""
    lanes = lanes_of(u, v)
    if lanes is None:
        return None

    def codegen(context, builder, sig, args):
        a, b = spread(context, builder, lanes, args, sig.args)
        keep = builder.or_(builder.fcmp_ordered(">", a, b), builder.fcmp_unordered("uno", a, a))
        return builder.select(keep, a, b)

    return lanes(u, v), codegen


@intrinsic
def rint(typingctx, v):
    """The nearest whole number, ties to even."""
    if not isinstance(v, LanesType):
        return None

    def codegen(context, builder, sig, args):
        name = f"llvm.rint.v{WIDTH}f{v.dtype.bitwidth}"
        function_type = ir.FunctionType(args[0].type, [args[0].type])
        return builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), args)

    return v(v), codegen


@intrinsic
def sqrt(typingctx, v):
    """The square root, rounded correctly; NaN below 0."""
    if not isinstance(v, LanesType):
        return None

    def codegen(context, builder, sig, args):
        name = f"llvm.sqrt.v{WIDTH}f{v.dtype.bitwidth}"
        function_type = ir.FunctionType(args[0].type, [args[0].type])
        return builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), args)

    return v(v), codegen


@intrinsic
def fma(typingctx, a, b, c):
    """a · b + c, rounded once, of lanes or floats; a float32 beside a float64 counts as one, as everywhere."""
    floats = all(isinstance(kind, types.Float) for kind in (a, b, c))
    kind = max(a, b, c, key=lambda kind: kind.bitwidth) if floats else lanes_of(a, b, c)
    if kind is None:
        return None

    def codegen(context, builder, sig, args):
        if isinstance(kind, LanesType):
            name = f"llvm.fma.v{WIDTH}f{kind.dtype.bitwidth}"
            vectors = spread(context, builder, kind, args, sig.args)
            function_type = ir.FunctionType(vectors[0].type, [vector.type for vector in vectors])
            return builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), vectors)
        return builder.fma(*(context.cast(builder, v, t, kind) for v, t in zip(args, sig.args, strict=True)))

    return kind(a, b, c), codegen


@intrinsic
def power_of_two(typingctx, v):
    """2 ** v for whole v in the normal range, by writing the exponent's bits (any bits come of NaN, but no trap)."""
    if not isinstance(v, LanesType):
        return None

    def codegen(context, builder, sig, args):
        integer, mantissa, bias, shifter = BITS[sig.return_type.dtype]
        integers = ir.VectorType(integer, WIDTH)
        # Adding 1.5 * 2**mantissa leaves the whole number in the low bits of the sum.
        shifted = builder.bitcast(builder.fadd(args[0], constant(sig.return_type.dtype, shifter)), integers)
        biased = builder.add(shifted, ir.Constant(integers, [bias] * WIDTH))
        bits = builder.shl(biased, ir.Constant(integers, [mantissa] * WIDTH))
        return builder.bitcast(bits, args[0].type)

    return v(v), codegen


@intrinsic
def rint_and_power(typingctx, v):
    """n, the nearest whole number to v, ties to even, and 2 ** n, which has n in the exponent's normal range.

    One addition of 1.5 * 2**mantissa rounds, and leaves n in the low bits of the sum too. A product that v is must not
    be fused with it, as some numbers near a half would be rounded otherwise: LLVM's fence, which is no instruction,
    keeps them apart.
    """
    if not isinstance(v, LanesType):
        return None

    def codegen(context, builder, sig, args):
        integer, mantissa, bias, number = BITS[v.dtype]
        integers, shifter = ir.VectorType(integer, WIDTH), constant(v.dtype, number)
        fence_type = ir.FunctionType(args[0].type, [args[0].type])
        name = f"llvm.arithmetic.fence.v{WIDTH}f{v.dtype.bitwidth}"
        fence = cgutils.get_or_insert_function(builder.module, fence_type, name)
        shifted = builder.fadd(builder.call(fence, args), shifter)
        biased = builder.add(builder.bitcast(shifted, integers), ir.Constant(integers, [bias] * WIDTH))
        power = builder.bitcast(builder.shl(biased, ir.Constant(integers, [mantissa] * WIDTH)), args[0].type)
        return context.make_tuple(builder, sig.return_type, (builder.fsub(shifted, shifter), power))

    return types.UniTuple(v, 2)(v), codegen


@intrinsic
def any_lane(typingctx, mask):
    """Whether the mask holds in one lane or more."""
    if mask is not MASK:
        return None

    def codegen(context, builder, sig, args):
        bits = builder.bitcast(args[0], ir.IntType(WIDTH))
        return builder.icmp_unsigned("!=", bits, bits.type(0))

    return types.boolean(mask), codegen


@intrinsic
def lane(typingctx, v, image):
    """The number of one image."""
    if not isinstance(v, LanesType) or not isinstance(image, types.Integer):
        return None

    def codegen(context, builder, sig, args):
        return builder.extract_element(args[0], context.cast(builder, args[1], sig.args[1], types.intp))

    return v.dtype(v, image), codegen


@intrinsic
def lane_sum(typingctx, v):
    """The sum of the 16 numbers, neighbours at distance 8, 4, 2, 1."""
    if not isinstance(v, LanesType):
        return None
    return v.dtype(v), lambda context, builder, sig, args: sum_of_lanes(builder, args[0])
