"""Base class of layers with a weight and an optional bias: conv2d and linear."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

from nbcnn.layers.base import Bound, BufferProvider, Call, Layer, Parameter, for_one_image

if TYPE_CHECKING:
    import numpy as np


class WeightedLayer(Layer):
    """A layer whose problem has ``w_shape``, output channels first, and whose config has ``bias``, true or false."""

    config: Any

    def parameters(self) -> dict[str, Parameter]:
        shape = self.problem.w_shape
        fans = prod(shape[1:]), shape[0] * prod(shape[2:])
        weight, bias = Parameter(shape, *fans), Parameter(shape[:1], *fans)
        return {"weight": weight, "bias": bias} if self.config.bias else {"weight": weight}

    @for_one_image
    def bind(self, buffers: BufferProvider, x: np.ndarray, dx: np.ndarray | None, training: bool) -> Bound:
        """Bind forward, grad_weight and (where dx is wanted) grad_input to buffers; no bias means one of zeros."""
        import numpy as np

        problem = replace(self.problem, dtype=buffers.dtype.name)
        kernels, floats = buffers.prepare(self, problem)
        scratch, bias = buffers.scratch(floats), self.config.bias
        w = buffers.parameter(f"{self.path}.weight")
        b = buffers.parameter(f"{self.path}.bias") if bias else np.zeros(w.shape[0], buffers.dtype)
        y = buffers.pack(self.out_shape)
        bound = Bound(y, None, [Call(self.path, "forward", kernels.forward, (x, w, b, y, scratch), problem)])
        if training:
            bound.dy = buffers.pack(self.out_shape)
            dw = buffers.gradient(f"{self.path}.weight")
            db = buffers.gradient(f"{self.path}.bias") if bias else np.zeros_like(b)
            calls = [Call(self.path, "grad_weight", kernels.grad_weight, (x, bound.dy, dw, db, scratch), problem)]
            if dx is not None:
                calls.append(Call(self.path, "grad_input", kernels.grad_input, (bound.dy, w, dx, scratch), problem))
            bound.backward = calls
        return bound
