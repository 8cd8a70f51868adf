"""The functions on arrays, on the shapes and arguments of PyTorch's own samples, against the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exhaustive import parametrize
from kernels import reference_ops as ops
from kernels.pytorch_samples import AVG_POOL2D, CONV2D, MAX_POOL2D, Shape

import nbcnn.functional as F  # noqa: N812
from nbcnn.functional.problem_arguments import conv2d_problem
from nbcnn.kernels.registry import backend, backend_names


def drawn(seed: int, dtype: str, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def two(value: Any) -> tuple[int, int]:
    both = value if isinstance(value, tuple) else (value,)
    return both * 2 if len(both) == 1 else both


def sides(padding: Any) -> tuple[int, int, int, int]:
    rows, columns = two(padding)
    return (rows, rows, columns, columns)


def same(shape: Shape, w: Shape, dilation: Any) -> tuple[int, int, int, int]:
    """At stride 1 windows of s pixels need s - 1 zeros; the odd one goes after."""
    rows, columns = (d * (k - 1) for d, k in zip(two(dilation), w[2:], strict=True))
    return (rows // 2, rows - rows // 2, columns // 2, columns - columns // 2)


def near(got: np.ndarray, wanted: np.ndarray, dtype: str, shape: Shape) -> None:
    assert (got.dtype, got.shape) == (np.dtype(dtype), shape)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(got, wanted.reshape(shape), rtol=0, atol=32 * eps * max(1, np.abs(wanted).max()))


def window(x: Shape, w: Shape, arguments: dict[str, Any]) -> tuple[Any, ...]:
    """Stride, padding on four sides, dilation and groups, for the oracle."""
    padding, dilation = arguments.get("padding", 0), arguments.get("dilation", 1)
    pad = {"valid": (0, 0, 0, 0), "same": same(x, w, dilation)}.get(str(padding)) or sides(padding)
    return two(arguments.get("stride", 1)), pad, two(dilation), arguments.get("groups", 1)


@parametrize("number", range(len(CONV2D)), quick=[0])
@pytest.mark.parametrize("name", backend_names("conv2d"))
def test_conv2d(name: str, number: int, dtype: str) -> None:
    shape, w_shape, biased, arguments = CONV2D[number]
    x, w = drawn(1, dtype, *shape), drawn(2, dtype, *w_shape)
    b = drawn(3, dtype, w_shape[0]) if biased else None
    numbers, batch = window(shape, w_shape, arguments), x.reshape(-1, *shape[-3:])
    y = ops.conv2d(batch, w, np.zeros(len(w)) if b is None else b, *numbers)
    all_arguments = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, **arguments}
    problem = conv2d_problem(batch.shape, w_shape, dtype=x.dtype, **all_arguments)
    if (
        backend("conv2d", name).supports(problem) is not None
    ):  # pointwise, whose kernels are 1×1, winograd, whose are 3×3
        assert (name == "pointwise" and w_shape[2:] != (1, 1)) or name.startswith("winograd")
        return
    out = (*shape[:-3], *y.shape[1:])
    near(F.conv2d(x, w, b, **arguments, backend=name), y, dtype, out)
    dy = drawn(4, dtype, *out)
    batched = dy.reshape(y.shape)
    dx = ops.conv2d_grad_input(batched, w, shape[-2:], *numbers)
    near(F.conv2d_grad_input(shape, w, dy, **arguments, backend=name), dx, dtype, shape)
    dw = ops.conv2d_grad_weight(batch, batched, w_shape[2:], *numbers)
    near(F.conv2d_grad_weight(x, w_shape, dy, **arguments, backend=name), dw, dtype, w_shape)


@pytest.mark.parametrize("name", backend_names("max_pool2d"))
def test_max_pool2d(name: str, dtype: str) -> None:
    for shape, arguments in MAX_POOL2D:
        x = drawn(1, dtype, *shape)
        size, dilation = two(arguments["kernel_size"]), two(arguments["dilation"])
        stride, padding = two(arguments["stride"] or size), sides(arguments["padding"])
        batch = x.reshape(-1, *shape[-3:])
        y = ops.max_pool2d(batch, size, stride, padding, dilation, arguments["ceil_mode"])
        got = F.max_pool2d(x, **arguments, backend=name)
        np.testing.assert_array_equal(got, y.reshape(*shape[:-3], *y.shape[1:]), err_msg=str((shape, arguments)))
        assert got.dtype == dtype


@pytest.mark.parametrize("name", backend_names("avg_pool2d"))
def test_avg_pool2d(name: str, dtype: str) -> None:
    for shape, arguments in AVG_POOL2D:
        size, stride, padding, ceil, whole, divisor = (
            *arguments,
            *(None, None, 0, False, True, None)[len(arguments) :],
        )
        window = (two(size), two(stride or size), sides(padding))
        y = ops.avg_pool2d(drawn(1, dtype, *shape), *window, whole, ceil, divisor)
        near(F.avg_pool2d(drawn(1, dtype, *shape), *arguments, backend=name), y, dtype, y.shape)
        one = F.avg_pool2d(drawn(1, dtype, *shape)[0], *arguments, backend=name)
        near(one, y[0], dtype, y.shape[1:])
