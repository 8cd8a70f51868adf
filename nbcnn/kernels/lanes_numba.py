"""The words of lanes.py as a Numba type: a 16-wide LLVM vector of float32 or float64, and a mask of 16 bits.

Arithmetic carries LLVM's ``contract`` flag and no other, so that ``s + x * w`` becomes one fused multiply-add and
nothing is reordered: results are the same bits for every vector width that the machine may have.
"""

from __future__ import annotations

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

WIDTH = 16
FLAGS = ("contract",)


class LanesType(types.Type):
    """16 floats, one for each image of a pack."""

    def __init__(self, dtype: types.Float) -> None:
        self.dtype = dtype
        super().__init__(name=f"lanes({dtype})")


class MaskType(types.Type):
    """16 truth values: what comparing lanes gives."""

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
        super().__init__(dmm, fe_type, ir.VectorType(FLOAT[fe_type.dtype], WIDTH))


@register_model(MaskType)
class MaskModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, ir.VectorType(ir.IntType(1), WIDTH))


def _vector(dtype, number):
    """A constant vector."""
    return ir.Constant(ir.VectorType(FLOAT[dtype], WIDTH), [number] * WIDTH)


def _splat(builder, number):
    """Insert into lane 0, then shuffle lane 0 everywhere: LLVM's form of a broadcast."""
    vector_type = ir.VectorType(number.type, WIDTH)
    first = builder.insert_element(ir.Constant(vector_type, ir.Undefined), number, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
    return builder.shuffle_vector(first, ir.Constant(vector_type, ir.Undefined), zeros)


def _pointer(context, builder, array_type, array, index_type, index):
    """Address of x[index] as a pointer to a vector.

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
            last = builder.add(i, i.type(WIDTH - 1)) if axis == array_type.ndim - 1 else i
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


def _lanes_of(*args):
    """The lanes type that operands meet in, or None: lanes with lanes, a float of their precision or a whole number.

    A float64 beside float32 lanes is refused, because rounding it would be silent.
    """
    lanes = [a for a in args if isinstance(a, LanesType)]
    if not lanes or any(a is not lanes[0] and a != lanes[0].dtype and not isinstance(a, types.Integer) for a in args):
        return None
    return lanes[0]


def _spread(context, builder, lanes, values, value_types):
    """All operands as vectors."""
    return [
        v if t is lanes else _splat(builder, context.cast(builder, v, t, lanes.dtype))
        for v, t in zip(values, value_types, strict=True)
    ]


def _check_array(x, index) -> bool:
    return (
        isinstance(x, types.Array)
        and x.layout == "C"
        and x.dtype in LANES_OF
        and isinstance(index, types.BaseTuple)
        and len(index) <= x.ndim
        and all(isinstance(t, types.Integer) for t in index)
    )


@intrinsic
def load(typingctx, x, index):
    """The 16 numbers that start at x[index]; missing last indices are 0."""
    if not _check_array(x, index):
        return None

    def codegen(context, builder, sig, args):
        pointer = _pointer(context, builder, sig.args[0], args[0], sig.args[1], args[1])
        value = builder.load(pointer)
        value.align = sig.args[0].dtype.bitwidth // 8
        return value

    return LANES_OF[x.dtype](x, index), codegen


@intrinsic
def store(typingctx, x, index, v):
    """Write the 16 numbers ``v`` from x[index] on."""
    if not _check_array(x, index) or not x.mutable or v is not LANES_OF[x.dtype]:
        return None

    def codegen(context, builder, sig, args):
        pointer = _pointer(context, builder, sig.args[0], args[0], sig.args[1], args[1])
        builder.store(args[2], pointer, align=sig.args[0].dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(x, index, v), codegen


@intrinsic
def splat(typingctx, number):
    """The same number in every lane; a float32 gives float32 lanes, a float64 float64 lanes."""
    if number not in LANES_OF:
        return None
    return LANES_OF[number](number), lambda context, builder, sig, args: _splat(builder, args[0])


@intrinsic
def where(typingctx, mask, u, v):
    """u where the mask holds, else v."""
    lanes = _lanes_of(u, v)
    if mask is not MASK or lanes is None:
        return None

    def codegen(context, builder, sig, args):
        return builder.select(args[0], *_spread(context, builder, lanes, args[1:], sig.args[1:]))

    return lanes(mask, u, v), codegen


@intrinsic
def maximum(typingctx, u, v):
    """The larger one, lane by lane; NaN stays NaN."""
    lanes = _lanes_of(u, v)
    if lanes is None:
        return None

    def codegen(context, builder, sig, args):
        a, b = _spread(context, builder, lanes, args, sig.args)
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
def power_of_two(typingctx, v):
    """2 ** v for whole v in the normal range, by writing the exponent's bits (any bits come of NaN, but no trap)."""
    if not isinstance(v, LanesType):
        return None

    def codegen(context, builder, sig, args):
        integer, mantissa, bias, shifter = BITS[sig.return_type.dtype]
        integers = ir.VectorType(integer, WIDTH)
        # Adding 1.5 * 2**mantissa leaves the whole number in the low bits of the sum.
        shifted = builder.bitcast(builder.fadd(args[0], _vector(sig.return_type.dtype, shifter)), integers)
        biased = builder.add(shifted, ir.Constant(integers, [bias] * WIDTH))
        bits = builder.shl(biased, ir.Constant(integers, [mantissa] * WIDTH))
        return builder.bitcast(bits, args[0].type)

    return v(v), codegen


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

    def codegen(context, builder, sig, args):
        value, half = args[0], WIDTH // 2
        while half:
            low, high = (ir.Constant(ir.VectorType(ir.IntType(32), half), [*range(s, s + half)]) for s in (0, half))
            undefined = ir.Constant(value.type, ir.Undefined)
            value = builder.fadd(
                builder.shuffle_vector(value, undefined, low), builder.shuffle_vector(value, undefined, high)
            )
            half //= 2
        return builder.extract_element(value, ir.IntType(32)(0))

    return v.dtype(v), codegen


def _define(op, result, emit) -> None:
    """Type and lower one operator; ``result`` is None for arithmetic (lanes) or MASK for comparisons."""

    @infer_global(op)
    class _Template(AbstractTemplate):
        def generic(self, args, kws):
            lanes = _lanes_of(*args)
            return signature(result or lanes, *args) if lanes else None

    def lower(context, builder, sig, args):
        return emit(builder, *_spread(context, builder, _lanes_of(*sig.args), args, sig.args))

    for lanes in (LANES32, LANES64):
        lower_builtin(op, lanes, lanes)(lower)
        for number in (lanes.dtype, types.Integer):
            lower_builtin(op, lanes, number)(lower)
            lower_builtin(op, number, lanes)(lower)


for _op, _inplace, _name in (
    (operator.add, operator.iadd, "fadd"),
    (operator.sub, operator.isub, "fsub"),
    (operator.mul, operator.imul, "fmul"),
    (operator.truediv, operator.itruediv, "fdiv"),
):
    for _each in (_op, _inplace):
        _define(_each, None, lambda builder, a, b, name=_name: getattr(builder, name)(a, b, flags=FLAGS))

for _op, _sign in (
    (operator.eq, "=="),
    (operator.lt, "<"),
    (operator.le, "<="),
    (operator.gt, ">"),
    (operator.ge, ">="),
):
    _define(_op, MASK, lambda builder, a, b, sign=_sign: builder.fcmp_ordered(sign, a, b))
_define(operator.ne, MASK, lambda builder, a, b: builder.fcmp_unordered("!=", a, b))


@infer_global(operator.neg)
class _Neg(AbstractTemplate):
    def generic(self, args, kws):
        return signature(args[0], *args) if isinstance(args[0], LanesType) else None


def _lower_neg(context, builder, sig, args):
    return builder.fneg(args[0])


for _lanes in (LANES32, LANES64):
    lower_builtin(operator.neg, _lanes)(_lower_neg)


def _define_mask(op, name) -> None:
    @infer_global(op)
    class _Template(AbstractTemplate):
        def generic(self, args, kws):
            return signature(MASK, *args) if all(a is MASK for a in args) else None

    lower_builtin(op, MASK, MASK)(lambda context, builder, sig, args: getattr(builder, name)(*args))


_define_mask(operator.and_, "and_")
_define_mask(operator.or_, "or_")
