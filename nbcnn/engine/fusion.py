"""Calls that become one: an activation and the pooling after it, where both are ``direct``. No bit changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from nbcnn.engine.fused_kernels import ACTIVATIONS, POOLING, fused, numbers, tiles
from nbcnn.kernels.contract import KernelWithAttributes
from nbcnn.kernels.registry import DEFAULT
from nbcnn.layers import Layer
from nbcnn.layers.base import Call

if TYPE_CHECKING:
    import numpy as np


def fuse(calls: Sequence[Call], layers: Sequence[Layer], keep: bool) -> list[Call]:
    """The same calls, pairs in one; ``keep`` the activations, which a backward pass wants.

    A pair's call has both layers' paths, as in "1+2".
    """
    pairs = {first.path: (first, second) for first, second in _pairs(layers)}
    made: list[Call] = []
    for call in calls:
        before = made[-1] if made else None
        if before and before.direction == call.direction:
            first, second = (before, call) if call.direction == "forward" else (call, before)
            activation, pooling = pairs.get(first.layer, (None, None))
            if activation and pooling and pooling.path == second.layer:
                made[-1] = _pair(activation, pooling, first, second, keep)
                continue
        made.append(call)
    return made


def _pairs(layers: Sequence[Layer]) -> Iterator[tuple[Layer, Layer]]:
    for first, second in pairwise(layers):
        known = first.op in ACTIVATIONS and second.op in POOLING and first.backend == second.backend == DEFAULT
        if known and tiles(second.problem):
            yield first, second


def _pair(activation: Layer, pooling: Layer, first: Call, second: Call, keep: bool) -> Call:
    kernels = fused(str(activation.op), str(pooling.op))
    arrays: tuple[np.ndarray, ...]
    if first.direction == "forward":
        x = first.arrays[0]
        y, z = second.arrays[:2]
        kernel, arrays = kernels.forward, (x.reshape(y.shape), y, z)
    else:
        dx = first.arrays[3]
        y, z, dz = second.arrays[:3]
        kernel, arrays = kernels.grad_input, (y, z, dz, dx.reshape(y.shape))
    path = f"{activation.path}+{pooling.path}"
    return Call(path, first.direction, KernelWithAttributes(kernel, numbers(pooling.problem, keep)), arrays)
