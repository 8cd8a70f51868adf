"""The layer ``dropout``: activations set to 0 at random in training (Srivastava et al. 2014)."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from nbcnn.layers.base import LAYERS, Bound, BufferProvider, Call, Layer, LayerConfig, Shape, for_one_image, reshaped

if TYPE_CHECKING:
    import numpy as np


class DropoutConfig(LayerConfig):
    """``p`` is the share of the numbers that become 0."""

    p: Annotated[float, Field(ge=0, lt=1, strict=False)] = 0.5


@LAYERS.register("dropout")
class Dropout(Layer):
    """In training each number is 0 with probability p, else divided by 1 - p; in evaluation nothing is changed."""

    Config = DropoutConfig
    config: DropoutConfig

    def infer(self) -> Shape:
        return self.in_shape

    @for_one_image
    def bind(self, buffers: BufferProvider, x: np.ndarray, dx: np.ndarray | None, training: bool) -> Bound:
        if not training or self.config.p == 0 or buffers.evaluating:
            return Bound(x, dx, [])
        import numpy as np

        from nbcnn.kernels import dropout

        layer = np.array([zlib.crc32(self.path.encode()), round(self.config.p * 2**32)])
        scale = np.array([1 / (1 - self.config.p)], buffers.dtype)
        layer.flags.writeable = scale.flags.writeable = False
        chance = (buffers.image_numbers(), buffers.step, layer, scale)
        y, dy = buffers.pack(self.out_shape), buffers.pack(self.out_shape)

        def seen(pack: np.ndarray) -> np.ndarray:
            return reshaped(self, pack, (-1, pack.shape[-1]))

        forward = [Call(self.path, "forward", dropout.drop, (seen(x), *chance, seen(y)))]
        backward = [] if dx is None else [Call(self.path, "grad_input", dropout.drop, (seen(dy), *chance, seen(dx)))]
        return Bound(y, dy, forward, backward)
