"""The results of known mistakes (a flipped kernel, for instance), made by the oracle from changed inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from nbcnn.conformance.signatures import PACKS, Array, Arrays
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.ops import op
from nbcnn.kernels.pooling import Pool2dProblem

Mistake = tuple[str, Array]


def mistakes(problem: Any, inputs: Arrays, name: str, wanted: Array) -> Iterator[Mistake]:
    """Words and results of everything that array ``name`` could have been mistaken for, likely ones first."""
    if "b" in inputs and name == "y" and np.any(inputs["b"]):
        bias = inputs["b"].reshape(-1, *[1] * (wanted.ndim - 1))
        yield "without the bias", wanted - bias
        yield "with the bias added twice", wanted + bias
    if isinstance(problem, Conv2dProblem):
        yield from _of_the_kernel(problem, inputs, name, wanted)
        yield from _of_the_window(problem, inputs, name)
        yield from _of_groups(problem, inputs, name)
        yield from _of_place(problem, inputs, name)
    if isinstance(problem, Pool2dProblem):
        yield from _of_pooling(problem, inputs, name)
    yield from _of_images(problem, inputs, name, wanted)


def _of_the_kernel(p: Conv2dProblem, inputs: Arrays, name: str, wanted: Array) -> Iterator[Mistake]:
    turns: dict[str, Callable[[Array], Array]] = {
        "with the kernel flipped (turned by 180 degrees: convolution, not cross-correlation)": lambda w: w[
            ..., ::-1, ::-1
        ],
        "with the kernel flipped top to bottom": lambda w: w[..., ::-1, :],
        "with the kernel flipped left to right": lambda w: w[..., ::-1],
        "with rows and columns of the kernel exchanged": lambda w: w.swapaxes(2, 3),
    }
    for words, turn in turns.items():
        if turn(inputs["w"]).shape == inputs["w"].shape:
            yield words, turn(wanted) if name == "dw" else _other(p, inputs | {"w": turn(inputs["w"])}, name)


def _of_the_window(p: Conv2dProblem, inputs: Arrays, name: str) -> Iterator[Mistake]:
    top, bottom, left, right = p.padding
    if p.dilation != (1, 1):
        yield "with dilation 1", _cropped(p, replace(p, dilation=(1, 1)), inputs, name)
    if p.stride != (1, 1):
        yield "with stride 1", _cropped(p, replace(p, stride=(1, 1)), inputs, name)
    if (top, left) != (bottom, right):
        yield (
            "with the paddings of opposite sides exchanged",
            _other(replace(p, padding=(bottom, top, right, left)), inputs, name),
        )


def _of_groups(p: Conv2dProblem, inputs: Arrays, name: str) -> Iterator[Mistake]:
    if p.groups > 1 and p.in_channels > p.groups and name in ("y", "dw"):
        mixed = inputs["x"].reshape(-1, p.groups, *inputs["x"].shape[1:]).swapaxes(0, 1).reshape(inputs["x"].shape)
        yield (
            "with input channels dealt out to the groups in turn, not side by side",
            _other(p, inputs | {"x": mixed}, name),
        )
    if p.groups > 1 and name == "y":
        same = np.tile(inputs["x"][: p.in_channels // p.groups], (p.groups, 1, 1, 1))
        yield "with the first group's input channels for every group", _other(p, inputs | {"x": same}, name)


def _of_place(p: Conv2dProblem, inputs: Arrays, name: str) -> Iterator[Mistake]:
    source = "dy" if name == "dx" else "x"
    for axis, directions in ((1, ("down", "up")), (2, ("to the right", "to the left"))):
        for step, direction in zip((1, -1), directions, strict=True):
            moved = np.roll(inputs[source], step, axis)
            words = f"with {source} one pixel further {direction}"
            yield words, _other(p, inputs | {source: moved}, name)
            edge = [slice(None)] * 4
            edge[axis] = slice(0, 1) if step == 1 else slice(-1, None)
            moved = moved.copy()
            moved[tuple(edge)] = 0
            yield words, _other(p, inputs | {source: moved}, name)


def _of_pooling(p: Pool2dProblem, inputs: Arrays, name: str) -> Iterator[Mistake]:
    if p.op == "avg_pool2d":
        counts = "not counted" if p.count_include_pad else "counted"
        other = replace(p, count_include_pad=not p.count_include_pad)
        yield f"with padding {counts} in the divisor", _other(other, inputs, name)
    elif p.op == "max_pool2d" and name == "y":
        for words, least in (("with padding zeros taking part", 0.0), ("with every pixel at least 0", 0.0)):
            padded = np.pad(inputs["x"], ((0, 0), p.padding[:2], p.padding[2:], (0, 0)), constant_values=least)
            whole = replace(p, height=padded.shape[1], width=padded.shape[2], padding=(0, 0, 0, 0))
            if words.startswith("with padding"):
                if whole.y_shape == p.y_shape:
                    yield words, _other(whole, inputs | {"x": padded}, name)
            else:
                yield words, np.maximum(_other(p, inputs, name), least)
    elif name == "dx" and p.padding[0] == p.padding[1] and p.padding[2] == p.padding[3]:
        turned = {key: array[:, ::-1, ::-1] for key, array in inputs.items()}
        if replace(p, stride=(1, 1)) == p:
            yield "with the gradient sent to the last of equal pixels", _other(p, turned, name)[:, ::-1, ::-1]


def _of_images(problem: Any, inputs: Arrays, name: str, wanted: Array) -> Iterator[Mistake]:
    if name in PACKS:
        for step in (1, -1):
            yield "with each image's result in the place of its neighbour's", np.roll(wanted, step, -1)
    elif name in ("dw", "db"):
        for image in (LANES - 1, 0):
            left = {key: array.copy() for key, array in inputs.items()}
            left["dy"][..., image] = 0
            yield f"without image {image} (of 16)", _other(problem, left, name)


def _other(problem: Any, inputs: Arrays, name: str) -> Array:
    """The oracle's result; an empty array where the numbers don't fit one another."""
    try:
        found: Array = op(problem.op).oracle(problem, inputs)[name]
        return found
    except ValueError:
        return np.empty(0)


def _cropped(p: Conv2dProblem, other: Conv2dProblem, inputs: Arrays, name: str) -> Array:
    """The result of a problem with more output, as far as this one's goes."""
    (_, OH, OW), full = p.y_shape, np.zeros((*other.y_shape, LANES))
    full[:, :OH, :OW] = inputs["dy"]
    result = _other(other, inputs | {"dy": full}, name)
    return result[:, :OH, :OW] if name == "y" and result.size else result
