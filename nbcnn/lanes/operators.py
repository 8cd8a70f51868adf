"""Numba operators of lanes: ``+ - * /``, unary ``-``, comparisons, ``& |``; importing this file registers them."""

from __future__ import annotations

import operator

from numba import types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin

from nbcnn.lanes.vector_type import FLAGS, LANES32, LANES64, MASK, LanesType, lanes_of, spread


def _define(op, result, emit) -> None:
    """Type and lower one operator; ``result`` is None for arithmetic (lanes) or MASK for comparisons."""

    @infer_global(op)
    class _Template(AbstractTemplate):
        def generic(self, args, kws):
            lanes = lanes_of(*args)
            return signature(result or lanes, *args) if lanes else None

    def lower(context, builder, sig, args):
        return emit(builder, *spread(context, builder, lanes_of(*sig.args), args, sig.args))

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
