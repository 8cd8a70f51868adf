"""Base class of layers without parameters: pooling and activations."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nbcnn.layers.base import Bound, BufferProvider, Call, Layer, for_one_image, reshaped

if TYPE_CHECKING:
    import numpy as np


class ParameterFreeLayer(Layer):
    """A layer whose kernels take and give one array; an elementwise op sees packs as (F, 16)."""

    @for_one_image
    def bind(self, buffers: BufferProvider, x: np.ndarray, dx: np.ndarray | None, training: bool) -> Bound:
        """Bind forward and (where dx is wanted) grad_input to buffers."""
        problem = replace(self.problem, dtype=buffers.dtype.name)
        kernels, floats = buffers.prepare(self, problem)
        scratch = buffers.scratch(floats)
        y = buffers.pack(self.out_shape)

        def seen(pack: np.ndarray) -> np.ndarray:
            rest = pack.shape[len(self.out_shape) :]
            return reshaped(self, pack, (-1, *rest)) if len(problem.x_shape) == 1 else pack

        bound = Bound(y, None, [Call(self.path, "forward", kernels.forward, (seen(x), seen(y), scratch), problem)])
        if training:
            bound.dy = buffers.pack(self.out_shape)
            if dx is not None:
                arrays = (seen(x), seen(y), seen(bound.dy), seen(dx), scratch)
                bound.backward = [Call(self.path, "grad_input", kernels.grad_input, arrays, problem)]
        return bound
