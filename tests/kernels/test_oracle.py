"""The oracle itself: worked by hand, and by what must hold of any gradient of a linear map."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from optim import oracle as optimizers

from kernels import reference_ops as ops
from kernels.cases import CONV2D, DILATED_POOL2D, POOL2D, pool2d
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.pooling import Pool2dProblem

NINE = np.arange(9.0).reshape(1, 1, 3, 3)
MORE = {
    "dilation": Conv2dProblem(2, 4, 7, 8, (3, 2), dilation=(2, 3)),
    "groups": Conv2dProblem(4, 6, 5, 4, (2, 3), groups=2),
    "one channel a group": Conv2dProblem(3, 6, 5, 4, (2, 2), (2, 1), (1, 0, 1, 0), groups=3),
    "everything": Conv2dProblem(4, 6, 9, 8, (3, 2), (2, 3), (1, 2, 0, 3), (2, 1), 2),
}


def integers(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-4, 5, shape)


def test_convolution_by_hand() -> None:
    w = np.array([[[[0, 1], [2, 3]]]])
    y = ops.conv2d(NINE, w, np.zeros(1))
    assert y.tolist() == [[[[19, 25], [37, 43]]]]
    dilated = ops.conv2d(NINE, w, np.array([10]), dilation=(2, 2))
    assert dilated.tolist() == [[[[10 + 2 + 12 + 24]]]]
    dy = np.ones((1, 1, 2, 2))
    assert ops.conv2d_grad_input(dy, w, (3, 3)).tolist() == [[[[0, 1, 1], [2, 6, 4], [2, 5, 3]]]]
    assert ops.conv2d_grad_weight(NINE, dy, (2, 2)).tolist() == [[[[8, 12], [20, 24]]]]
    assert ops.conv2d_grad_bias(dy).tolist() == [4]


@pytest.mark.parametrize("case", [*CONV2D, *MORE])
def test_convolution_is_five_loops(case: str) -> None:
    """On whole numbers exactly: the sum of equation (1), written out for one output after the other."""
    p = replace((CONV2D | MORE)[case], dtype="float64")
    x, w, b = integers(1, 2, *p.x_shape), integers(2, *p.w_shape), integers(3, p.out_channels)
    y = ops.conv2d(x, w, b, p.stride, p.padding, p.dilation, p.groups)
    assert y.shape == (2, *p.y_shape)
    (per_group, KH, KW), outs = p.w_shape[1:], p.out_channels // p.groups
    for n, o, i, j in np.ndindex(*y.shape):
        total = b[o]
        for c, a, k in np.ndindex(per_group, KH, KW):
            r = i * p.stride[0] + a * p.dilation[0] - p.padding[0]
            q = j * p.stride[1] + k * p.dilation[1] - p.padding[2]
            if 0 <= r < p.height and 0 <= q < p.width:
                total += x[n, o // outs * per_group + c, r, q] * w[o, c, a, k]
        assert y[n, o, i, j] == total


@pytest.mark.parametrize("case", [*CONV2D, *MORE])
def test_gradients_of_convolution_are_its_adjoints(case: str) -> None:
    """A map linear in x: <y(x), dy> = <x, dx(dy)> for all x and dy, and so for w; exactly, on whole numbers."""
    p = (CONV2D | MORE)[case]
    numbers = (p.stride, p.padding, p.dilation, p.groups)
    for seed in range(3):
        x, w, dy = integers(seed, 2, *p.x_shape), integers(seed + 9, *p.w_shape), integers(seed + 99, 2, *p.y_shape)
        product = (ops.conv2d(x, w, np.zeros(p.out_channels), *numbers) * dy).sum()
        dx = ops.conv2d_grad_input(dy, w, (p.height, p.width), *numbers)
        dw = ops.conv2d_grad_weight(x, dy, p.kernel_size, *numbers)
        assert (dx.shape, dw.shape) == (x.shape, w.shape)
        assert (x * dx).sum() == (w * dw).sum() == product


def test_pooling_by_hand() -> None:
    window = ((2, 2), (1, 1))
    assert ops.max_pool2d(NINE, *window).tolist() == [[[[4, 5], [7, 8]]]]
    assert ops.avg_pool2d(NINE, *window).tolist() == [[[[2, 3], [5, 6]]]]
    dy = np.array([[[[4, 8], [12, 16]]]])
    assert ops.max_pool2d_grad(NINE, dy, *window).tolist() == [[[[0, 0, 0], [0, 4, 8], [0, 12, 16]]]]
    assert ops.avg_pool2d_grad(dy, (3, 3), *window).tolist() == [[[[1, 3, 2], [4, 10, 6], [3, 7, 4]]]]
    padded = ((2, 2), (2, 2), (1, 1, 1, 1))
    assert ops.max_pool2d(-1 - NINE, *padded).tolist() == [[[[-1, -2], [-4, -5]]]]
    assert ops.avg_pool2d(4 * NINE, *padded).tolist() == [[[[0, 3], [9, 24]]]]
    assert ops.avg_pool2d(4 * NINE, *padded, False).tolist() == [[[[0, 6], [18, 24]]]]
    ties = np.array([[[[1, 5], [5, 5]]]])
    assert ops.max_pool2d_grad(ties, np.ones((1, 1, 1, 1)), (2, 2), (2, 2)).tolist() == [[[[0, 1], [0, 0]]]]


def windows(p: Pool2dProblem, x: np.ndarray) -> np.ndarray:
    """(N, C, OH, OW, KH, KW): the taps of each window, NaN where one is in the padding, inf where it is beyond."""
    top, bottom, left, right = p.padding
    (OH, OW), (KH, KW) = p.y_shape[1:], p.kernel_size
    canvas = np.full((*x.shape[:2], p.height + 99, p.width + 99), np.inf)
    canvas[:, :, : top + p.height + bottom, : left + p.width + right] = np.nan
    canvas[:, :, top : top + p.height, left : left + p.width] = x
    taps = np.empty((*x.shape[:2], OH, OW, KH, KW))
    for i, j, a, k in np.ndindex(OH, OW, KH, KW):
        row, column = i * p.stride[0] + a * p.dilation[0], j * p.stride[1] + k * p.dilation[1]
        taps[:, :, i, j, a, k] = canvas[:, :, row, column]
    return taps


@pytest.mark.parametrize("case", POOL2D | DILATED_POOL2D)
def test_pooling_is_over_the_taps_of_each_window(case: str) -> None:
    p = pool2d("max_pool2d", case)
    x = integers(1, 2, *p.x_shape)
    taps = windows(p, x)
    pixels = np.where(np.isfinite(taps), taps, -np.inf)
    y = ops.max_pool2d(x, p.kernel_size, p.stride, p.padding, p.dilation, p.ceil_mode)
    np.testing.assert_array_equal(y, pixels.max((4, 5)))
    if case in POOL2D:
        sums, image, padded = np.nansum(np.where(np.isinf(taps), 0, taps), (4, 5)), np.isfinite(taps), ~np.isinf(taps)
        for whole, met in ((True, padded), (False, image)):
            y = ops.avg_pool2d(x, p.kernel_size, p.stride, p.padding, whole, p.ceil_mode)
            np.testing.assert_allclose(y, sums / met.sum((4, 5)), rtol=1e-14, atol=1e-14)
        y = ops.avg_pool2d(x, p.kernel_size, p.stride, p.padding, True, p.ceil_mode, -2)
        np.testing.assert_array_equal(y, sums / -2)


@pytest.mark.parametrize("case", POOL2D | DILATED_POOL2D)
@pytest.mark.parametrize("whole", [True, False])
def test_gradients_of_pooling_are_adjoints(case: str, whole: bool) -> None:
    p = pool2d("max_pool2d", case)
    x = 5 + integers(1, 2, *p.x_shape)
    window = (p.kernel_size, p.stride, p.padding)
    largest = ops.max_pool2d(x, *window, p.dilation, p.ceil_mode)
    dy = 5 + integers(2, *largest.shape)
    dx = ops.max_pool2d_grad(x, dy, *window, p.dilation, p.ceil_mode)
    assert (x * dx).sum() == (np.where(np.isinf(largest), 0, largest) * dy).sum()
    if case in POOL2D:
        for counted in ((whole, p.ceil_mode), (whole, p.ceil_mode, 3)):
            y = ops.avg_pool2d(x, *window, *counted)
            dx = ops.avg_pool2d_grad(dy, (p.height, p.width), *window, *counted)
            assert (x * dx).sum() == pytest.approx((y * dy).sum(), rel=1e-12)


def test_the_rest_by_hand() -> None:
    log = np.log([[1.0, 2, 3, 4]])
    np.testing.assert_allclose(ops.softmax(log), [[0.1, 0.2, 0.3, 0.4]])
    np.testing.assert_allclose(ops.cross_entropy(log, np.array([2])), [np.log(10 / 3)])
    np.testing.assert_allclose(ops.cross_entropy_grad(log, np.array([2]), np.array([10])), [[1, 2, -7, 4]])
    np.testing.assert_allclose(ops.softmax_grad(log, np.array([[1, 0, 0, 0]])), [[0.09, -0.02, -0.03, -0.04]])
    np.testing.assert_allclose(ops.log_softmax(log), np.log([[0.1, 0.2, 0.3, 0.4]]))
    dx = ops.log_softmax_grad(log, np.array([[1, 2, 3, 5]]))
    np.testing.assert_allclose(dx, [[-0.1, -0.2, -0.3, 0.6]], atol=1e-14)  # less 0.1, 0.2, 0.3, 0.4 of 11
    assert ops.relu(np.array([-1, 0, 2])).tolist() == [0, 0, 2]
    assert ops.relu_grad(np.array([-1, 0, 2]), np.array([5, 6, 7])).tolist() == [0, 0, 7]
    np.testing.assert_allclose(ops.sigmoid(np.log([3, 1 / 3])), [0.75, 0.25])
    np.testing.assert_allclose(ops.sigmoid_grad(np.log([3, 1 / 3]), np.array([16, 16])), [3, 3])
    np.testing.assert_allclose(ops.tanh_grad(np.arctanh([0.5, -0.5]), np.array([4, 8])), [3, 6])
    x, w = np.array([[1, 0, -1]]), np.array([[1, 2, 3], [4, 5, 6]])
    assert ops.linear(x, w, np.array([10, 20])).tolist() == [[8, 18]]
    assert ops.linear_grad_input(np.array([[1, 3]]), w).tolist() == [[13, 17, 21]]
    assert ops.linear_grad_weight(x, np.array([[1, 3]])).tolist() == [[1, 0, -1], [3, 0, -3]]


def test_steps_by_hand() -> None:
    p, g, v = np.array([1.0]), np.array([4.0]), np.array([2.0])
    assert optimizers.sgd_step(p, g, v, 0.5) == (-1, 4)
    assert optimizers.sgd_step(p, g, v, 0.5, weight_decay=2) == (-2, 6)
    assert optimizers.sgd_step(p, g, v, 0.5, 0.5) == (-1.5, 5)
    assert optimizers.sgd_step(p, g, v, 0.5, 0.5, nesterov=True) == (-2.25, 5)
    moments = np.zeros((2, 1))
    step, moments = optimizers.adam_step(p, g, moments, 1, 0.5, (0.5, 0.75), 0)
    assert (step, moments.tolist()) == (0.5, [[2], [4]])
    step, moments = optimizers.adam_step(p, np.array([2.0]), moments, 2, 0.5, (0.5, 0.75), 0)
    np.testing.assert_allclose(step, 1 - 0.5 * (2 / 0.75) / np.sqrt(4 / (7 / 16)))
    step, _ = optimizers.adam_step(p, g, np.zeros((2, 1)), 1, 0.5, (0.5, 0.75), 0, weight_decay=0.5, decoupled=True)
    assert step == 0.75 - 0.5
    step, moments = optimizers.adam_step(p, g, np.zeros((2, 1)), 1, 0.5, (0.5, 0.75), 0, weight_decay=2)
    assert (step, moments.tolist()) == (0.5, [[3], [9]])
