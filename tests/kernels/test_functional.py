"""The ops on arrays (N, C, H, W): against the oracle for every backend, and the sentences for what does not fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nbcnn.functional as F  # noqa: N812
from nbcnn.errors import KernelError, ShapeError
from nbcnn.kernels import reference
from nbcnn.kernels.registry import backend_names

COUNTS = [1, 16, 17]
"""Images: fewer than lanes, as many, one more."""


def integers(seed: int, dtype: str, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(dtype)


def zeros(*shape: int, dtype: str = "float32") -> np.ndarray:
    return np.zeros(shape, dtype)


def same(name: str, got: np.ndarray, wanted: np.ndarray, dtype: str) -> None:
    """Exactly the oracle's numbers, but from the FFT; as a fresh array in rows."""
    tolerance = 1e-5 * np.abs(wanted).max() if name == "fft" else 0
    np.testing.assert_allclose(got, wanted, rtol=0, atol=tolerance)
    assert got.dtype == dtype
    assert got.flags.c_contiguous and got.flags.writeable


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", backend_names("conv2d"))
def test_conv2d(name: str, count: int, dtype: str) -> None:
    x, w, b = integers(1, dtype, count, 3, 6, 7), integers(2, dtype, 4, 3, 3, 2), integers(3, dtype, 4)
    numbers: dict[str, Any] = {"stride": (2, 1), "padding": (1, 2)}
    window = ((2, 1), (1, 1, 2, 2))
    y = F.conv2d(x, w, b, **numbers, backend=name)
    same(name, y, reference.conv2d(x, w, b, *window), dtype)
    dy = integers(4, dtype, *y.shape)
    dx = F.conv2d_grad_input(x.shape, w, dy, **numbers, backend=name)
    same(name, dx, reference.conv2d_grad_input(dy, w, (6, 7), *window), dtype)
    dw = F.conv2d_grad_weight(x, w.shape, dy, **numbers, backend=name)
    same(name, dw, reference.conv2d_grad_weight(x, dy, (3, 2), *window), dtype)


def test_conv2d_without_the_rest() -> None:
    x, w = integers(1, "float32", 2, 3, 6, 7), integers(2, "float32", 4, 3, 3, 2)
    same("direct", F.conv2d(x, w), reference.conv2d(x, w, np.zeros(4)), "float32")


def test_one_number_stands_for_a_pair() -> None:
    x, w = integers(1, "float32", 2, 3, 6, 7), integers(2, "float32", 4, 3, 3, 2)
    pairs = F.conv2d(x, w, None, (2, 2), (1, 1), (1, 1))
    assert F.conv2d(x, w, None, 2, 1, 1).tobytes() == pairs.tobytes()
    assert F.conv2d(x, w, None, np.int64(2), [1, 1]).tobytes() == pairs.tobytes()


def test_no_function_writes_to_its_inputs() -> None:
    x, w, b, dy = (
        integers(n, "float32", *shape) for n, shape in enumerate(((16, 3, 5, 5), (4, 3, 2, 2), (4,), (16, 4, 4, 4)))
    )
    rows, weights, target = integers(5, "float32", 16, 9), integers(6, "float32", 4, 9), np.arange(16) % 9
    inputs = (x, w, b, dy, rows, weights, target)
    before = [array.tobytes() for array in inputs]
    for name in backend_names("conv2d"):
        F.conv2d(x, w, b, backend=name)
        F.conv2d_grad_input(x.shape, w, dy, backend=name)
        F.conv2d_grad_weight(x, w.shape, dy, backend=name)
    for name in backend_names("linear"):
        F.linear(rows, weights, b, backend=name)
    for function in (F.relu, F.sigmoid, F.tanh, F.softmax):
        function(rows)
    F.cross_entropy(rows, target)
    F.max_pool2d(x, 2)
    F.avg_pool2d(x, 2)
    assert [array.tobytes() for array in inputs] == before


def test_any_layout_of_memory_will_do_and_no_input_changes() -> None:
    x, w, b = integers(1, "float32", 5, 6, 7, 3), integers(2, "float32", 2, 3, 3, 4), integers(3, "float32", 8)
    arguments = (x.transpose(0, 3, 1, 2), w.transpose(3, 2, 1, 0)[:, :3], b[::2])
    copies = [array.copy() for array in arguments]
    for array in (x, w, b):
        array.flags.writeable = False
    y = F.conv2d(arguments[0], arguments[1][:, :, ::-1], arguments[2])
    same("direct", y, reference.conv2d(arguments[0], copies[1][:, :, ::-1], arguments[2]), "float32")
    for array, copy in zip(arguments, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", backend_names("max_pool2d"))
def test_max_pool2d(name: str, count: int, dtype: str) -> None:
    x = integers(1, dtype, count, 3, 6, 7)
    same(name, F.max_pool2d(x, 2, backend=name), reference.max_pool2d(x, (2, 2), (2, 2)), dtype)
    y = F.max_pool2d(x, (3, 2), (1, 2), (1, 0), backend=name)
    same(name, y, reference.max_pool2d(x, (3, 2), (1, 2), (1, 1, 0, 0)), dtype)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", backend_names("avg_pool2d"))
def test_avg_pool2d(name: str, count: int, dtype: str) -> None:
    x = 36 * integers(1, dtype, count, 3, 6, 7)
    same(name, F.avg_pool2d(x, 2, backend=name), reference.avg_pool2d(x, (2, 2), (2, 2)), dtype)
    for whole in (True, False):
        y = F.avg_pool2d(x, (3, 2), (1, 2), 1, False, whole, backend=name)
        same(name, y, reference.avg_pool2d(x, (3, 2), (1, 2), (1, 1, 1, 1), whole), dtype)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", backend_names("linear"))
def test_linear(name: str, count: int, dtype: str) -> None:
    x, w, b = integers(1, dtype, count, 19), integers(2, dtype, 9, 19), integers(3, dtype, 9)
    same(name, F.linear(x, w, b, backend=name), reference.linear(x, w, b), dtype)
    same(name, F.linear(x, w, backend=name), reference.linear(x, w, np.zeros(9)), dtype)


@pytest.mark.parametrize("shape", [(1,), (16,), (17,), (3, 2, 5), (2, 3, 4, 5), (0, 4)])
@pytest.mark.parametrize("op", ["relu", "sigmoid", "tanh"])
def test_activations(op: str, shape: tuple[int, ...], dtype: str) -> None:
    x = np.random.default_rng(1).standard_normal(shape).astype(dtype) * np.dtype(dtype).type(3)
    x = np.asarray(x)
    for name in backend_names(op):
        y = getattr(F, op)(x, backend=name)
        assert y.shape == shape and y.dtype == dtype
        np.testing.assert_allclose(y, getattr(reference, op)(x), rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize(("shape", "dim"), [((5, 7), 1), ((20, 3), -1), ((4, 3, 2, 5), 1), ((4, 3), 0), ((6,), 0)])
def test_softmax(shape: tuple[int, ...], dim: int, dtype: str) -> None:
    x = np.random.default_rng(1).standard_normal(shape).astype(dtype)
    for name in backend_names("softmax"):
        y = F.softmax(x, dim, backend=name)
        e = np.exp(x.astype(np.float64))
        np.testing.assert_allclose(y, e / e.sum(dim, keepdims=True), rtol=16 * np.finfo(dtype).eps)
        assert y.shape == shape and y.dtype == dtype and y.flags.c_contiguous


@pytest.mark.parametrize("count", COUNTS)
def test_cross_entropy(count: int, dtype: str) -> None:
    random = np.random.default_rng(1)
    x, target = random.standard_normal((count, 7)).astype(dtype), random.integers(0, 7, count)
    losses = reference.cross_entropy(x, target)
    for name in backend_names("cross_entropy"):
        for reduction, wanted in (("none", losses), ("sum", losses.sum()), ("mean", losses.mean())):
            got = F.cross_entropy(x, target, reduction=reduction, backend=name)
            np.testing.assert_allclose(got, wanted, rtol=16 * np.finfo(dtype).eps)
            assert got.dtype == dtype
        got = F.cross_entropy(x, target.astype(np.uint8), backend=name)
        np.testing.assert_allclose(got, losses.mean(), rtol=16 * np.finfo(dtype).eps)


def test_no_images_give_no_images() -> None:
    assert F.conv2d(zeros(0, 1, 5, 5), zeros(2, 1, 3, 3)).shape == (0, 2, 3, 3)
    assert F.conv2d_grad_input((0, 1, 5, 5), zeros(2, 1, 3, 3), zeros(0, 2, 3, 3)).shape == (0, 1, 5, 5)
    assert not F.conv2d_grad_weight(zeros(0, 1, 5, 5), (2, 1, 3, 3), zeros(0, 2, 3, 3)).any()
    assert F.max_pool2d(zeros(0, 1, 4, 4), 2).shape == (0, 1, 2, 2)
    assert F.linear(zeros(0, 3), zeros(2, 3)).shape == (0, 2)
    assert F.cross_entropy(zeros(0, 3), np.zeros(0, np.int64), reduction="none").shape == (0,)


X, W = zeros(2, 3, 5, 5), zeros(4, 3, 2, 2)

SENTENCES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "not an array": (
        lambda: F.conv2d([[1.0]], W),  # type: ignore[arg-type]
        ShapeError,
        r"x must be a NumPy array of float32 or float64, got list; use np\.asarray\(\.\.\., 'float32'\)",
    ),
    "whole numbers": (lambda: F.relu(np.zeros(3, int)), ShapeError, r"x must be a NumPy array .*, got int64; use"),
    "half precision": (
        lambda: F.linear(zeros(1, 2), zeros(1, 2, dtype="float16")),
        ShapeError,
        r"w must .* got float16",
    ),
    "two precisions": (
        lambda: F.conv2d(X, W.astype("float64")),
        ShapeError,
        r"all arrays must have one dtype, got x float32, w float64, b float64; convert them with \.astype",
    ),
    "axes": (lambda: F.conv2d(X[0], W), ShapeError, r"x must have 4 axes, got shape \(3, 5, 5\)"),
    "axes of features": (lambda: F.linear(X, W), ShapeError, r"x must have 2 axes, got shape \(2, 3, 5, 5\)"),
    "bias": (
        lambda: F.conv2d(X, W, zeros(3)),
        ShapeError,
        r"conv2d: b must have one number for each of the 4 output channels, got shape \(3,\)",
    ),
    "channels": (
        lambda: F.conv2d(zeros(2, 5, 5, 5), W),
        ShapeError,
        r"conv2d: x has 5 channels and w \(4, 3, 2, 2\) takes 3·1 \(groups\) = 3$",
    ),
    "channels last": (
        lambda: F.conv2d(X.transpose(0, 2, 3, 1), W),
        ShapeError,
        r"x has 5 channels .* takes 3·1 .*; x looks like \(N, H, W, C\), channels last: pass x\.transpose\(0, 3, 1, 2\)",
    ),
    "groups": (
        lambda: F.conv2d(X, W, groups=2),
        ShapeError,
        r"conv2d: groups 2 must divide the 3 input and the 4 output channels",
    ),
    "window": (
        lambda: F.conv2d(X, zeros(4, 3, 8, 2), padding=(1, 0)),
        ShapeError,
        r"conv2d: a window of 8×2 does not fit the padded input of 7×5 \(5 \+ 2·1 by 5 \+ 2·0\)",
    ),
    "dilated window": (
        lambda: F.conv2d(X, W, dilation=(1, 5)),
        ShapeError,
        r"conv2d: a window of 2×6 does not fit the padded input of 5×5",
    ),
    "stride": (
        lambda: F.conv2d(X, W, stride=0),
        ShapeError,
        r"stride must be one whole number of at least 1, or two, got 0",
    ),
    "stride of three": (
        lambda: F.conv2d(X, W, stride=(1, 2, 3)),
        ShapeError,
        r"stride must be .* or two, got \(1, 2, 3\)",
    ),
    "padding": (
        lambda: F.conv2d(X, W, padding=-1),
        ShapeError,
        r"padding must be one whole number of at least 0, or two, got -1",
    ),
    "real padding": (lambda: F.conv2d(X, W, padding=(0.5, 1)), ShapeError, r"padding must be .* got \(0\.5, 1\)"),  # type: ignore[arg-type]
    "grad_output": (
        lambda: F.conv2d_grad_input((2, 3, 5, 5), W, zeros(2, 4, 4, 3)),
        ShapeError,
        r"conv2d_grad_input: grad_output must have shape \(2, 4, 4, 4\), got \(2, 4, 4, 3\)",
    ),
    "grad_output of other images": (
        lambda: F.conv2d_grad_weight(X, W.shape, zeros(3, 4, 4, 4)),
        ShapeError,
        r"conv2d_grad_weight: grad_output must have shape \(2, 4, 4, 4\), got \(3, 4, 4, 4\)",
    ),
    "input size": (
        lambda: F.conv2d_grad_input((3, 5, 5), W, zeros(2, 4, 4, 4)),
        ShapeError,
        r"conv2d: the input must be \(N, C, H, W\), got \(3, 5, 5\)",
    ),
    "weight size": (
        lambda: F.conv2d_grad_weight(X, (4, 3, 2), zeros(2, 4, 4, 4)),
        ShapeError,
        r"conv2d_grad_weight: weight_size must be \(O, C, KH, KW\), got \(4, 3, 2\)",
    ),
    "pooling padding": (
        lambda: F.max_pool2d(X, 2, padding=2),
        ShapeError,
        r"max_pool2d: padding \(2, 2\) is more than half of kernel_size \(2, 2\)",
    ),
    "pooling window": (
        lambda: F.avg_pool2d(X, (2, 6)),
        ShapeError,
        r"avg_pool2d: a window of 2×6 does not fit the padded input of 5×5",
    ),
    "ceil_mode": (
        lambda: F.avg_pool2d(X, 2, ceil_mode=True),
        ShapeError,
        r"avg_pool2d: ceil_mode=True is not supported, sizes are rounded down; pad the input instead",
    ),
    "max_pool2d's ceil_mode": (
        lambda: F.max_pool2d(X, 2, ceil_mode=True),
        ShapeError,
        r"max_pool2d: ceil_mode=True is not supported, sizes are rounded down; pad the input instead",
    ),
    "pooling dilation": (
        lambda: F.max_pool2d(X, 2, dilation=(2, 1)),
        ShapeError,
        r"max_pool2d: dilation \(2, 1\) is not supported, only 1",
    ),
    "features": (
        lambda: F.linear(zeros(2, 3), zeros(4, 5)),
        ShapeError,
        r"linear: x \(2, 3\), w \(4, 5\) and b \(4,\) do not fit; expected \(N, F\), \(O, F\), \(O,\)",
    ),
    "dim": (
        lambda: F.softmax(zeros(2, 3), 2),
        ShapeError,
        r"softmax: dim 2 does not exist in an array of shape \(2, 3\)",
    ),
    "targets": (
        lambda: F.cross_entropy(zeros(2, 3), np.zeros(3, int)),
        ShapeError,
        r"cross_entropy: target must be 2 whole numbers, got int64 of shape \(3,\)",
    ),
    "real targets": (
        lambda: F.cross_entropy(zeros(2, 3), zeros(2)),
        ShapeError,
        r"cross_entropy: target must be 2 whole numbers, got float32",
    ),
    "classes": (
        lambda: F.cross_entropy(zeros(2, 3), np.array([0, 3])),
        ShapeError,
        r"cross_entropy: targets go from 0 to 3, x has 3 classes",
    ),
    "negative class": (
        lambda: F.cross_entropy(zeros(2, 3), np.array([-1, 2])),
        ShapeError,
        r"cross_entropy: targets go from -1 to 2, x has 3 classes",
    ),
    "reduction": (
        lambda: F.cross_entropy(zeros(2, 3), np.array([0, 1]), reduction="average"),
        ShapeError,
        r"cross_entropy: reduction must be mean, sum or none, got 'average'",
    ),
    "unknown backend": (
        lambda: F.conv2d(X, W, backend="im2cool"),
        KernelError,
        r"unknown backend 'im2cool' for conv2d: did you mean im2col\? \(known: .*direct.*\)",
    ),
    "dilation": (
        lambda: F.conv2d(X, W, dilation=2),
        KernelError,
        r"backend direct can't do this conv2d: dilation is \(2, 2\), it can only do \(1, 1\); no known backend can",
    ),
    "grouped": (
        lambda: F.conv2d(zeros(2, 6, 5, 5), W, groups=2, backend="fft"),
        KernelError,
        r"backend fft can't do this conv2d: groups is 2, it can only do 1; no known backend can",
    ),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_what_does_not_fit_is_told_in_a_sentence(case: str) -> None:
    call, kind, sentence = SENTENCES[case]
    with pytest.raises(kind, match=sentence):
        call()
