"""A whole network by the oracle's definitions, in float64: losses and the gradient of their mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from kernels import reference_ops as ops

Backward = Callable[[np.ndarray], np.ndarray]
Tensors = Mapping[str, np.ndarray]


class BatchResult(NamedTuple):
    """Scores (N, K), losses (N,), and for each parameter the gradient of the mean loss."""

    scores: np.ndarray
    losses: np.ndarray
    gradients: dict[str, np.ndarray]


def run(layers: list[Any], tensors: Tensors, x: np.ndarray, labels: np.ndarray) -> BatchResult:
    """``layers`` as YAML has them, x (N, C, H, W) as the first layer is to see it, labels (N,)."""
    gradients: dict[str, np.ndarray] = {}
    backwards: list[Backward] = []
    x = np.asarray(x, np.float64)
    for index, layer in enumerate(layers):
        kind, arguments = next(iter(layer.items())) if isinstance(layer, dict) else (layer, {})
        group = kind == "sequential"  # here of layers without parameters or arguments
        for name, given in [(name, {}) for name in arguments] if group else [(kind, arguments)]:
            x, backward = LAYERS[name](x, given, tensors, f"{index}.", gradients)
            backwards.append(backward)
    dy = ops.cross_entropy_grad(x, labels, np.full(len(x), 1 / len(x)))
    for backward in reversed(backwards):
        dy = backward(dy)
    return BatchResult(x, ops.cross_entropy(x, labels), gradients)


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def _sides(value: Any) -> tuple[int, int, int, int]:
    if isinstance(value, list) and len(value) == 4:
        return value[0], value[1], value[2], value[3]
    rows, columns = _pair(value)
    return rows, rows, columns, columns


def _same(x: np.ndarray, a: Any) -> tuple[int, int, int, int]:
    """Zeros one after the other, the first of them after the image, until there are ceil(size / stride) windows."""
    sides = []
    numbers = (_pair(a["kernel_size"]), _pair(a.get("stride", 1)), _pair(a.get("dilation", 1)))
    for size, k, s, d in zip(x.shape[2:], *numbers, strict=True):
        before = after = 0
        while len(range(0, before + size + after - d * (k - 1), s)) < -(-size // s):
            before, after = (before, after + 1) if after == before else (before + 1, after)
        sides += [before, after]
    return sides[0], sides[1], sides[2], sides[3]


def _conv2d(x: np.ndarray, a: Any, tensors: Tensors, name: str, gradients: Any) -> tuple[np.ndarray, Backward]:
    w = tensors[name + "weight"]
    b = tensors.get(name + "bias", np.zeros(len(w)))
    padding = a.get("padding", 0)
    sides = _same(x, a) if padding == "same" else _sides(padding)
    numbers = (_pair(a.get("stride", 1)), sides, _pair(a.get("dilation", 1)), a.get("groups", 1))

    def backward(dy: np.ndarray) -> np.ndarray:
        gradients[name + "weight"] = ops.conv2d_grad_weight(x, dy, _pair(a["kernel_size"]), *numbers)
        if a.get("bias", True):
            gradients[name + "bias"] = ops.conv2d_grad_bias(dy)
        return ops.conv2d_grad_input(dy, w, (x.shape[2], x.shape[3]), *numbers)

    return ops.conv2d(x, w, b, *numbers), backward


def _linear(x: np.ndarray, a: Any, tensors: Tensors, name: str, gradients: Any) -> tuple[np.ndarray, Backward]:
    w = tensors[name + "weight"]
    b = tensors.get(name + "bias", np.zeros(len(w)))

    def backward(dy: np.ndarray) -> np.ndarray:
        gradients[name + "weight"] = ops.linear_grad_weight(x, dy)
        if a.get("bias", True):
            gradients[name + "bias"] = dy.sum(0)
        return ops.linear_grad_input(dy, w)

    return ops.linear(x, w, b), backward


def _window(a: Any) -> tuple[Any, ...]:
    return _pair(a["kernel_size"]), _pair(a.get("stride", a["kernel_size"])), _sides(a.get("padding", 0))


def _max_pool2d(x: np.ndarray, a: Any, *_: Any) -> tuple[np.ndarray, Backward]:
    window = (*_window(a), _pair(a.get("dilation", 1)), a.get("ceil_mode", False))
    return ops.max_pool2d(x, *window), lambda dy: ops.max_pool2d_grad(x, dy, *window)


def _avg_pool2d(x: np.ndarray, a: Any, *_: Any) -> tuple[np.ndarray, Backward]:
    counts = (a.get("count_include_pad", True), a.get("ceil_mode", False), a.get("divisor_override"))
    window, size = (*_window(a), *counts), (x.shape[2], x.shape[3])
    return ops.avg_pool2d(x, *window), lambda dy: ops.avg_pool2d_grad(dy, size, *window)


def _global_avg_pool2d(x: np.ndarray, *_: Any) -> tuple[np.ndarray, Backward]:
    pixels = x.shape[2] * x.shape[3]
    return x.mean((2, 3), keepdims=True), lambda dy: np.broadcast_to(dy / pixels, x.shape)


def _flatten(x: np.ndarray, *_: Any) -> tuple[np.ndarray, Backward]:
    return x.reshape(len(x), -1), lambda dy: dy.reshape(x.shape)


def _activation(kind: str) -> Callable[..., tuple[np.ndarray, Backward]]:
    forward, gradient = getattr(ops, kind), getattr(ops, f"{kind}_grad")
    return lambda x, *_: (forward(x), lambda dy: gradient(x, dy))


LAYERS: dict[str, Callable[..., tuple[np.ndarray, Backward]]] = {
    "conv2d": _conv2d,
    "linear": _linear,
    "max_pool2d": _max_pool2d,
    "avg_pool2d": _avg_pool2d,
    "global_avg_pool2d": _global_avg_pool2d,
    "flatten": _flatten,
    "relu": _activation("relu"),
    "sigmoid": _activation("sigmoid"),
    "tanh": _activation("tanh"),
}
