"""Arrays that a kernel has without being given them: in its closure, its defaults, a partial's arguments, an object.

The engine gives the arrays of a call other memory (memory_plan.py). It can't give it to what a Python function holds by
itself, which would read and write where nobody else does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from types import BuiltinMethodType, FunctionType, MethodType
from typing import Any

import numpy as np

from nbcnn.engine.memory_plan import Blocks
from nbcnn.errors import KernelError
from nbcnn.kernels.contract import KernelWithAttributes
from nbcnn.layers import Layer
from nbcnn.layers.base import Call


def refuse_captured(calls: Iterable[Call], blocks: Blocks) -> None:
    """Raise KernelError for a call whose kernel holds one of the arrays that ``bind`` took from its buffers."""
    for call in calls:
        for array in captured(call.kernel, set()):
            if array.size and blocks.find(array):
                raise KernelError(
                    f"layer {call.layer}: the function of its {call.direction} holds an array of shape {array.shape} "
                    "that bind took from buffers, and the engine gives each call other memory. Put the array among the "
                    "call's arrays, Call(path, direction, function, (..., array)), and take it as an argument"
                )


def captured(value: Any, seen: set[int]) -> Iterator[np.ndarray]:
    """The arrays that a function or another value holds; an object's only where it is a layer or can be called."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, np.ndarray):
        yield value
        return
    for inside in _held(value):
        yield from captured(inside, seen)


def _held(value: Any) -> Iterable[Any]:
    if isinstance(value, (tuple, list, set, frozenset)):
        return value
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, partial):
        return value.func, value.args, value.keywords
    if isinstance(value, MethodType):
        return value.__func__, _Instance(value.__self__)
    if isinstance(value, FunctionType):
        return *_cells(value), value.__defaults__, value.__kwdefaults__
    if isinstance(value, KernelWithAttributes):
        return value.kernel, value.attributes
    if isinstance(value, _Instance):
        return getattr(value.of, "__dict__", {}).values()
    if isinstance(getattr(value, "py_func", None), FunctionType):  # Numba's
        return (value.py_func,)
    if isinstance(value, (type, BuiltinMethodType)):
        return ()
    if isinstance(value, Layer) or callable(value):
        return (_Instance(value),)
    return ()


class _Instance:
    """An object whose attributes may be arrays."""

    def __init__(self, of: Any) -> None:
        self.of = of


def _cells(function: FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # of a name that has no value yet
            continue
