"""Binding of layers without parameters: pooling and activations."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nbcnn.layers.base import Bound, BufferProvider, Call, Layer, reshaped

if TYPE_CHECKING:
    import numpy as np


def bind_plain(layer: Layer, buffers: BufferProvider, x: np.ndarray, dx: np.ndarray | None, training: bool) -> Bound:
    """Bind forward and (where dx is wanted) grad_input to buffers; an elementwise op sees packs as (F, 16)."""
    problem = replace(layer.problem, dtype=buffers.dtype.name)
    kernels, floats = buffers.prepare(layer, problem)
    scratch = buffers.scratch(floats)
    y = buffers.pack(layer.out_shape)

    def seen(pack: np.ndarray) -> np.ndarray:
        rest = pack.shape[len(layer.out_shape) :]
        return reshaped(layer, pack, (-1, *rest)) if len(problem.x_shape) == 1 else pack

    bound = Bound(y, None, [Call(layer.path, "forward", kernels.forward, (seen(x), seen(y), scratch), problem)])
    if training:
        bound.dy = buffers.pack(layer.out_shape)
        if dx is not None:
            arrays = (seen(x), seen(y), seen(bound.dy), seen(dx), scratch)
            bound.backward = [Call(layer.path, "grad_input", kernels.grad_input, arrays, problem)]
    return bound
