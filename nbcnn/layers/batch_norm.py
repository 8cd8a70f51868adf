"""Batch normalisation layers: equations (53) to (58) of docs/math.md (Ioffe and Szegedy 2015, arXiv 1502.03167).

As PyTorch has them: in training a channel is normalised by the biased variance of the batch, and the running variance
takes the unbiased one; ``momentum`` is the share of the new batch in the running statistics. In evaluation and
prediction the running statistics are used, so an image's result does not depend on the others.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from nbcnn.errors import ShapeError
from nbcnn.kernels.batch_norm.op import BatchNormProblem
from nbcnn.layers.base import (
    LAYERS,
    Bound,
    Buffer,
    BufferProvider,
    Call,
    Layer,
    LayerConfig,
    Parameter,
    Shape,
    for_one_image,
    reshaped,
)
from nbcnn.layers.images import image_shape

if TYPE_CHECKING:
    import numpy as np


class BatchNormConfig(LayerConfig):
    """PyTorch's names. ``momentum: null`` makes the running statistics the mean of all batches."""

    eps: Annotated[float, Field(gt=0, allow_inf_nan=False, strict=False)] = 1e-5
    momentum: Annotated[float, Field(ge=0, le=1, strict=False)] | None = 0.1
    affine: bool = True
    backend: str | None = None


class BatchNorm(Layer):
    """The base class of both; a channel's values are those of all images of the batch."""

    Config = BatchNormConfig
    op = "batch_norm"
    config: BatchNormConfig

    @property
    def problem(self) -> BatchNormProblem:
        return BatchNormProblem(self.in_shape[0], prod(self.in_shape[1:]))

    @property
    def least_images(self) -> int:
        return 2 if prod(self.in_shape[1:]) == 1 else 1

    def parameters(self) -> dict[str, Parameter]:
        shape = self.in_shape[:1]
        return {"weight": Parameter(shape, value=1), "bias": Parameter(shape, value=0)} if self.config.affine else {}

    def buffers(self) -> dict[str, Buffer]:
        shape = self.in_shape[:1]
        tracked = Buffer((), 0, "int64")
        return {"running_mean": Buffer(shape, 0), "running_var": Buffer(shape, 1), "num_batches_tracked": tracked}

    @for_one_image
    def bind(self, buffers: BufferProvider, x: np.ndarray, dx: np.ndarray | None, training: bool) -> Bound:
        import numpy as np

        from nbcnn.kernels.batch_norm import _statistics as kernels
        from nbcnn.kernels.contract import KernelWithAttributes

        problem = replace(self.problem, dtype=buffers.dtype.name)
        channels, values = problem.x_shape
        own, floats = buffers.prepare(self, problem)
        scratch, affine = buffers.scratch(floats), self.config.affine
        w, b = (
            (buffers.parameter(f"{self.path}.{name}") for name in ("weight", "bias"))
            if affine
            else (np.ones(channels, buffers.dtype), np.zeros(channels, buffers.dtype))
        )
        momentum = -1 if self.config.momentum is None else self.config.momentum
        numbers = np.array([self.config.eps, momentum], buffers.dtype)
        mean, var, tracked = (buffers.parameter(f"{self.path}.{name}") for name in self.buffers())

        def seen(pack: np.ndarray) -> np.ndarray:
            return reshaped(self, pack, (channels, values, *pack.shape[len(self.in_shape) :]))

        y = buffers.pack(self.out_shape)
        if not training or buffers.evaluating:
            statistics = buffers.array((4, channels))
            given = Call(self.path, "statistics", kernels.given_statistics, (mean, var, w, numbers, statistics))
            calls = [given, self._call("forward", own, (seen(x), statistics, b, seen(y), scratch), problem)]
            dy = buffers.pack(self.out_shape) if training else None
            if dy is None or dx is None:
                return Bound(y, dy, calls)
            constant = np.zeros((2, channels), buffers.dtype)  # the statistics depend on no image
            arrays = (seen(x), seen(dy), statistics, constant, seen(dx), scratch)
            return Bound(y, dy, calls, [self._call("grad_input", own, arrays, problem)])
        statistics, means, part = (
            buffers.shared((4, channels)),
            buffers.shared((2, channels)),
            buffers.array((2, channels)),
        )
        merge = KernelWithAttributes(kernels.merge_statistics, values)
        forward = [
            Call(self.path, "statistics", kernels.pack_statistics, (seen(x), buffers.place, part)),
            Call(self.path, "merge_statistics", merge, (part, w, numbers, statistics), None, True, True),
            self._call("forward", own, (seen(x), statistics, b, seen(y), scratch), problem),
        ]
        dy = buffers.pack(self.out_shape)
        dw, db = (
            (buffers.gradient(f"{self.path}.{name}") for name in ("weight", "bias"))
            if affine
            else (buffers.array((channels,)), buffers.array((channels,)))
        )
        backward = [self._call("grad_weight", own, (seen(x), seen(dy), statistics, dw, db, scratch), problem)]
        if dx is not None:
            merge = KernelWithAttributes(kernels.merge_means, values)
            backward += [
                Call(self.path, "merge_means", merge, (dw, db, means), None, True, True),
                self._call("grad_input", own, (seen(x), seen(dy), statistics, means, seen(dx), scratch), problem),
                Call(self.path, "blank", kernels.clear_blank_lanes, (seen(dx), buffers.place)),
            ]
        update = KernelWithAttributes(kernels.update_running, values)
        running = (statistics, buffers.place, numbers, (mean, var), tracked.reshape(1))
        return Bound(y, dy, forward, backward, [Call(self.path, "running", update, running)])

    def _call(self, direction: str, kernels: object, arrays: tuple[np.ndarray, ...], problem: object) -> Call:
        return Call(self.path, direction, getattr(kernels, direction), arrays, problem)


@LAYERS.register("batch_norm2d")
class BatchNorm2d(BatchNorm):
    """(C, H, W) to (C, H, W): each channel to mean 0 and variance 1 over the batch, then times weight plus bias."""

    def infer(self) -> Shape:
        return image_shape(self.where, self.in_shape)


@LAYERS.register("batch_norm1d")
class BatchNorm1d(BatchNorm):
    """(F,) to (F,): each number to mean 0 and variance 1 over the batch, then times weight plus bias."""

    def infer(self) -> Shape:
        if len(self.in_shape) != 1:
            raise ShapeError(
                f"{self.where}: batch_norm1d takes a vector (F,), got {self.in_shape}; use batch_norm2d for images, or "
                "flatten before it"
            )
        return self.in_shape
