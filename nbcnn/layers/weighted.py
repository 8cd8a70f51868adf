"""Binding of layers with a weight and an optional bias: conv2d and linear."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nbcnn.layers.base import Bound, BufferProvider, Call, Layer

if TYPE_CHECKING:
    import numpy as np


def bind_weighted(
    layer: Layer, buffers: BufferProvider, x: np.ndarray, dx: np.ndarray | None, training: bool, bias: bool
) -> Bound:
    """Bind forward, grad_weight and (where dx is wanted) grad_input to buffers; no bias means one of zeros."""
    import numpy as np

    problem = replace(layer.problem, dtype=buffers.dtype.name)
    kernels, floats = buffers.prepare(layer, problem)
    scratch = buffers.scratch(floats)
    w = buffers.parameter(f"{layer.path}.weight")
    b = buffers.parameter(f"{layer.path}.bias") if bias else np.zeros(w.shape[0], buffers.dtype)
    y = buffers.pack(layer.out_shape)
    bound = Bound(y, None, [Call(layer.path, "forward", kernels.forward, (x, w, b, y, scratch), problem)])
    if training:
        bound.dy = buffers.pack(layer.out_shape)
        dw = buffers.gradient(f"{layer.path}.weight")
        db = buffers.gradient(f"{layer.path}.bias") if bias else np.zeros_like(b)
        calls = [Call(layer.path, "grad_weight", kernels.grad_weight, (x, bound.dy, dw, db, scratch), problem)]
        if dx is not None:
            calls.append(Call(layer.path, "grad_input", kernels.grad_input, (bound.dy, w, dx, scratch), problem))
        bound.backward = calls
    return bound
