"""The layers group_norm and layer_norm, which normalise each image: equations (51) and (52) of docs/math.md."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from nbcnn.errors import ShapeError
from nbcnn.kernels.group_norm.op import GroupNormProblem
from nbcnn.kernels.layer_norm.op import LayerNormProblem
from nbcnn.kernels.normalization import NormProblem
from nbcnn.layers.base import (
    LAYERS,
    Bound,
    BufferProvider,
    Call,
    Layer,
    LayerConfig,
    Parameter,
    Shape,
    for_one_image,
    reshaped,
)
from nbcnn.layers.fields import Above0, Positive

if TYPE_CHECKING:
    import numpy as np


class Norm(Layer):
    """Any shape to the same shape; subclasses say what the groups are, and which parameters there are."""

    op: ClassVar[str]

    @property
    def weight_shape(self) -> Shape:
        """As PyTorch has it."""
        raise NotImplementedError

    @property
    def own(self) -> tuple[str, ...]:
        """The names of the parameters that there are."""
        raise NotImplementedError

    @property
    def problem(self) -> NormProblem:
        raise NotImplementedError

    def infer(self) -> Shape:
        p = self.problem
        if p.weights * p.pixels == p.groups:
            alone = "1 number" if p.groups == 1 else f"{p.weights * p.pixels} numbers in {p.groups} groups, 1 in each"
            raise ShapeError(
                f"{self.where}: an image has {alone}, which is its own mean: {self.kind} would make it 0 for every "
                "image; use fewer groups, or put this layer where images are larger"
            )
        return self.in_shape

    def parameters(self) -> dict[str, Parameter]:
        first = {"weight": 1.0, "bias": 0.0}
        return {name: Parameter(self.weight_shape, 1, 1, first[name]) for name in self.own}

    @for_one_image
    def bind(self, buffers: BufferProvider, x: np.ndarray, dx: np.ndarray | None, training: bool) -> Bound:
        import numpy as np

        problem = replace(self.problem, dtype=buffers.dtype.name)
        kernels, floats = buffers.prepare(self, problem)
        scratch, y = buffers.scratch(floats), buffers.pack(self.out_shape)

        def parameter(name: str) -> np.ndarray:
            """(K,); ones and zeros where there is none."""
            if name in self.own:
                return reshaped(self, buffers.parameter(f"{self.path}.{name}"), problem.w_shape)
            return np.full(problem.w_shape, 1 if name == "weight" else 0, buffers.dtype)

        def gradient(name: str) -> np.ndarray:
            if name in self.own:
                return reshaped(self, buffers.gradient(f"{self.path}.{name}"), problem.w_shape)
            return np.zeros(problem.w_shape, buffers.dtype)

        def seen(pack: np.ndarray) -> np.ndarray:
            """(K, P, 16), or (K, P) of one image."""
            return reshaped(self, pack, (*problem.x_shape, *pack.shape[len(self.in_shape) :]))

        w, b = parameter("weight"), parameter("bias")
        bound = Bound(
            y, None, [Call(self.path, "forward", kernels.forward, (seen(x), w, b, seen(y), scratch), problem)]
        )
        if training:
            bound.dy = buffers.pack(self.out_shape)
            dy = seen(bound.dy)
            if self.own:
                arrays = (seen(x), dy, gradient("weight"), gradient("bias"), scratch)
                bound.backward.append(Call(self.path, "grad_weight", kernels.grad_weight, arrays, problem))
            if dx is not None:
                arrays = (seen(x), dy, w, seen(dx), scratch)
                bound.backward.append(Call(self.path, "grad_input", kernels.grad_input, arrays, problem))
        return bound


class GroupNormConfig(LayerConfig):
    """PyTorch's names; the number of channels is inferred."""

    num_groups: Positive
    eps: Above0 = 1e-5
    affine: bool = True
    backend: str | None = None


@LAYERS.register("group_norm")
class GroupNorm(Norm):
    """Each group of channels of an image (or of features) to mean 0 and variance 1."""

    Config = GroupNormConfig
    op = "group_norm"
    config: GroupNormConfig

    def infer(self) -> Shape:
        groups, channels = self.config.num_groups, self.in_shape[0]
        if channels % groups:
            what = "channels" if len(self.in_shape) == 3 else "features"
            raise ShapeError(
                f"{self.where}: num_groups {groups} must divide the {channels} {what}: "
                f"{channels} = {channels // groups}·{groups} + {channels % groups}"
            )
        return super().infer()

    @property
    def weight_shape(self) -> Shape:
        return self.in_shape[:1]

    @property
    def own(self) -> tuple[str, ...]:
        return ("weight", "bias") if self.config.affine else ()

    @property
    def problem(self) -> NormProblem:
        config = self.config
        return GroupNormProblem("group_norm", config.num_groups, self.in_shape, config.eps)


class LayerNormConfig(LayerConfig):
    """PyTorch's names; normalized_shape is that of an image, all of it."""

    eps: Above0 = 1e-5
    elementwise_affine: bool = True
    bias: bool = True
    backend: str | None = None


@LAYERS.register("layer_norm")
class LayerNorm(Norm):
    """All numbers of an image to mean 0 and variance 1, each with a weight and a bias of its own."""

    Config = LayerNormConfig
    op = "layer_norm"
    config: LayerNormConfig

    @property
    def weight_shape(self) -> Shape:
        return self.in_shape

    @property
    def own(self) -> tuple[str, ...]:
        names = ("weight", "bias") if self.config.bias else ("weight",)
        return names if self.config.elementwise_affine else ()

    @property
    def problem(self) -> NormProblem:
        return LayerNormProblem("layer_norm", 1, self.in_shape, self.config.eps)
