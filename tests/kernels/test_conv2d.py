"""Every backend of conv2d on every problem of the table, and convolutions worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from exhaustive import exhaustive, parametrize
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from plain_python import SLOWLY

from kernels.cases import ANY_KERNEL, CONV2D
from kernels.conformance import check, draw, integers, normal, oracle, run
from nbcnn.kernels.conv2d import pointwise
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.registry import backend, backend_names
from nbcnn.kernels.shapes import output_size

TOLERANCE = {
    ("fft", "float32"): 1e-6,
    ("fft", "float64"): 2e-15,
    ("winograd", "float32"): 3e-6,
    ("winograd", "float64"): 6e-15,
    ("winograd_2x2", "float32"): 1e-6,
    ("winograd_2x2", "float64"): 2e-15,
}
"""Of backends that can't be exact, relative to the largest number of an output."""

BACKENDS = backend_names("conv2d")
LARGE = [exhaustive, pytest.mark.jit]
"""The marks of a problem that takes minutes as plain Python."""
TELLING = {"3x3", "1x1", "groups, stride, dilation"}
ELSEWHERE = {("winograd", "3x3"), ("winograd_2x2", "3x3"), ("fft", "1x1"), ("fft", "3x3")}
"""What takes seconds to compile for, and is tried by default in test_winograd.py, or here in another case."""
CASES = [(name, case) for name in BACKENDS for case in CONV2D if backend("conv2d", name).supports(CONV2D[case]) is None]


def test_what_each_backend_takes() -> None:
    taken = {name: {case for backend, case in CASES if backend == name} for name in BACKENDS}
    assert taken.pop("pointwise") == {"1x1", "one pixel", "1x1 with stride", "groups of 1x1"}
    squares = {"3x3", "padding 1", "padding on four sides", "padding at the end alone", "groups 2", "depthwise"}
    assert taken.pop("winograd") == taken.pop("winograd_2x2") == squares
    assert taken == {name: set(CONV2D) for name in ("direct", "fft", "im2col", "naive")}


@parametrize("name, case", CASES, quick=lambda each: each[1] in TELLING and each not in ELSEWHERE)
def test_backend_equals_the_oracle(name: str, case: str, dtype: str) -> None:
    problem = replace(CONV2D[case], dtype=dtype)
    check(backend("conv2d", name), problem, draw(problem, integers(1, dtype)), TOLERANCE.get((name, dtype), 0.0))


@parametrize(
    "name, case", [each for each in CASES if each[0] in ("direct", "pointwise")], quick=lambda each: each[1] in TELLING
)
def test_blocks_have_the_bits_of_naive(name: str, case: str, dtype: str) -> None:
    problem = replace(CONV2D[case], dtype=dtype)
    inputs = draw(problem, normal(2, dtype))
    fast, plain = (run(backend("conv2d", one), problem, inputs) for one in (name, "naive"))
    for key in plain:
        np.testing.assert_array_equal(fast[key], plain[key], err_msg=key)


@st.composite
def problems(draw: st.DrawFn) -> Conv2dProblem:
    """Any problem of small numbers that leaves something of the image."""
    small, side = st.integers(1, 4), st.integers(0, 3)
    groups = draw(st.integers(1, 3))
    problem = Conv2dProblem(
        groups * draw(st.integers(1, 3)),
        groups * draw(st.integers(1, 3)),
        draw(st.integers(1, 8)),
        draw(st.integers(1, 8)),
        (draw(small), draw(small)),
        (draw(small), draw(small)),
        (draw(side), draw(side), draw(side), draw(side)),
        (draw(small), draw(small)),
        groups,
        draw(st.sampled_from(["float32", "float64"])),
    )
    assume(min(problem.y_shape) > 0)
    return problem


some = settings(max_examples=10 if SLOWLY else 150, deadline=None, derandomize=True, database=None)


@exhaustive
@some
@given(problems())
def test_any_problem(problem: Conv2dProblem) -> None:
    for name in BACKENDS:
        if backend("conv2d", name).supports(problem) is not None:
            continue
        if (name, problem.dtype) not in TOLERANCE:
            check(backend("conv2d", name), problem, draw(problem, integers(4, problem.dtype)))
        else:  # the spectrum of the whole image counts, not only the pixels that a stride keeps
            double = replace(problem, dtype="float64")
            inputs = draw(double, integers(4, "float64"))
            got, wanted = run(backend("conv2d", name), double, inputs), oracle(double, inputs)
            for key, array in wanted.items():
                np.testing.assert_allclose(got[key], array, rtol=0, atol=1e-11, err_msg=key)
    inputs = draw(problem, normal(5, problem.dtype))
    fast, plain = (run(backend("conv2d", name), problem, inputs) for name in ("direct", "naive"))
    assert all(np.array_equal(fast[key], plain[key]) for key in plain)


@pytest.mark.parametrize("channels", [pytest.param((9, 40), marks=LARGE), pytest.param((40, 9), marks=LARGE), (3, 17)])
def test_strips_of_pointwise_meet_every_pixel_once(channels: tuple[int, int]) -> None:
    """Strips of less than the image, the last one shorter, and blocks of channels that don't come out even."""
    problem = Conv2dProblem(*channels, 37, 29, (1, 1))
    assert all(pointwise._strip(C, ((0,), (0, 1)), "float32") < 37 * 29 for C in (9, 40, 17))
    inputs = draw(problem, normal(6, "float32"))
    fast, plain = (run(backend("conv2d", name), problem, inputs) for name in ("pointwise", "naive"))
    for key in plain:
        np.testing.assert_array_equal(fast[key], plain[key], err_msg=key)


ONE_CHANNEL = {
    "last block of a row begins earlier": Conv2dProblem(4, 4, 8, 30, (3, 3), padding=(1, 1, 1, 1), groups=4),
    "two outputs a channel": Conv2dProblem(3, 6, 5, 2, (3, 3), padding=(1, 1, 2, 1), groups=3),
    "kernels of five rows": Conv2dProblem(4, 8, 12, 9, (5, 3), padding=(2, 0, 0, 1), groups=4),
    "stride 2": Conv2dProblem(4, 4, 15, 14, (3, 3), (2, 2), (1, 1, 1, 1), groups=4),
    "more padding than image": Conv2dProblem(3, 3, 3, 12, (3, 3), padding=(5, 0, 4, 0), groups=3),
    "one pixel": Conv2dProblem(2, 2, 1, 1, (3, 3), padding=(1, 1, 1, 1), groups=2),
    "stride 2, odd sizes, nothing around": Conv2dProblem(3, 3, 9, 17, (3, 3), (2, 2), groups=3),
    "stride 2, two outputs a channel": Conv2dProblem(3, 6, 6, 7, (3, 3), (2, 2), (0, 1, 0, 1), groups=3),
    "stride 2, two channels an output": Conv2dProblem(6, 3, 6, 8, (3, 3), (2, 2), (1, 0, 1, 0), groups=3),
    "stride 2, more padding than image": Conv2dProblem(2, 2, 3, 5, (3, 3), (2, 2), (5, 0, 4, 7), groups=2),
    "strides 3 and 2, rows that nothing meets": Conv2dProblem(2, 2, 9, 9, (2, 3), (3, 2), (0, 0, 2, 0), groups=2),
    "strides 1 and 2, five rows": Conv2dProblem(2, 2, 9, 4, (5, 3), (1, 2), (2, 2, 1, 1), groups=2),
    "long sums": Conv2dProblem(2, 2, 40, 37, (3, 3), padding=(1, 1, 1, 1), groups=2),
    "long sums, stride 2": Conv2dProblem(2, 2, 70, 71, (3, 3), (2, 2), (1, 1, 1, 1), groups=2),
}


@parametrize("case", ONE_CHANNEL, quick=["last block of a row begins earlier", "stride 2"])
@parametrize("dtype", ["float32", "float64"], quick=["float32"])
def test_groups_of_one_channel_have_the_bits_of_naive(case: str, dtype: str) -> None:
    problem = replace(ONE_CHANNEL[case], dtype=dtype)
    inputs = draw(problem, normal(8, dtype))
    fast, plain = (run(backend("conv2d", name), problem, inputs) for name in ("direct", "naive"))
    for key in plain:
        np.testing.assert_array_equal(fast[key], plain[key], err_msg=key)


@exhaustive
@pytest.mark.jit
def test_depthwise_with_stride_2_at_every_width_and_padding() -> None:
    for W, L, R in product(range(2, 19), range(4), range(3)):
        if W + L + R >= 3:
            problem = Conv2dProblem(2, 2, 5, W, (3, 3), (2, 2), (1, 1, L, R), groups=2)
            inputs = draw(problem, normal(9, "float32"))
            fast, plain = (run(backend("conv2d", name), problem, inputs) for name in ("direct", "naive"))
            for key in plain:
                np.testing.assert_array_equal(fast[key], plain[key], err_msg=f"{key} of {problem}")


def test_direct_has_scratch_for_one_group_at_a_time() -> None:
    one, many = (
        Conv2dProblem(groups, groups, 28, 28, (3, 3), padding=(1, 1, 1, 1), groups=groups) for groups in (1, 64)
    )
    assert backend("conv2d", "direct").workspace(one) == backend("conv2d", "direct").workspace(many)


def test_direct_leaves_1x1_kernels_to_pointwise() -> None:
    direct, pointwise = (backend("conv2d", name) for name in ("direct", "pointwise"))
    one = CONV2D["1x1 with stride"]
    for here, there in zip(direct.build(one), pointwise.build(one), strict=True):
        assert here.kernel is there.kernel and here.attributes == there.attributes
    assert direct.workspace(one) == pointwise.workspace(one)
    padded = replace(one, padding=(1, 1, 1, 1))
    assert direct.build(padded).forward.kernel is direct.build(CONV2D["3x3"]).forward.kernel


def test_refusals_of_pointwise() -> None:
    supports = backend("conv2d", "pointwise").supports
    assert supports(CONV2D["1x3"]) == "the kernel is 1×3, it can only do 1×1"
    padded = replace(CONV2D["1x1"], padding=(0, 1, 0, 0))
    assert supports(padded).startswith("padding is (0, 1, 0, 0), it can only do none")


# Worked by hand.

OTHERS = [name for name in ANY_KERNEL if name != "direct"]
"""Backends that compile once for kernels of all sizes."""


def forward(name: str, problem: Conv2dProblem, image: Any, kernel: Any, bias: Any = None) -> np.ndarray:
    """The output for one image, put into lane 5 of a pack of other images."""
    inputs = draw(problem, normal(3, problem.dtype))
    inputs["x"][..., 5] = image
    inputs["w"][...] = kernel
    inputs["b"][...] = 0 if bias is None else bias
    result: np.ndarray = run(backend("conv2d", name), problem, inputs)["y"][..., 5]
    return np.round(result, 4) if name == "fft" else result


@pytest.mark.parametrize("name", ANY_KERNEL)
def test_two_by_two_on_three_by_three(name: str) -> None:
    y = forward(name, Conv2dProblem(1, 1, 3, 3, (2, 2)), [[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[0, 1], [2, 3]])
    assert y.tolist() == [[[19, 25], [37, 43]]]


@pytest.mark.parametrize("name", ANY_KERNEL)
def test_two_input_channels_and_a_bias(name: str) -> None:
    images = [[[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[1, 2, 3], [4, 5, 6], [7, 8, 9]]]
    y = forward(name, Conv2dProblem(2, 1, 3, 3, (2, 2)), images, [[[0, 1], [2, 3]], [[1, 2], [3, 4]]], [100])
    assert y.tolist() == [[[156, 172], [204, 220]]]


@pytest.mark.parametrize("name", ANY_KERNEL)
def test_padding_by_one(name: str) -> None:
    problem = Conv2dProblem(1, 1, 3, 3, (2, 2), (1, 1), (1, 1, 1, 1))
    y = forward(name, problem, [[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[0, 1], [2, 3]])
    assert y.tolist() == [[[0, 3, 8, 4], [9, 19, 25, 10], [21, 37, 43, 16], [6, 7, 8, 0]]]


@parametrize("name", ANY_KERNEL, quick=OTHERS)
def test_stride_three_by_two(name: str) -> None:
    problem = Conv2dProblem(1, 1, 3, 3, (2, 2), (3, 2), (1, 1, 1, 1))
    y = forward(name, problem, [[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[0, 1], [2, 3]])
    assert y.tolist() == [[[0, 8], [6, 8]]]


@parametrize("name", ANY_KERNEL, quick=OTHERS)
def test_edges(name: str) -> None:
    image = np.ones((6, 8))
    image[:, 2:6] = 0
    edges = forward(name, Conv2dProblem(1, 1, 6, 8, (1, 2)), image, [[1, -1]])
    assert edges.tolist() == [[[0, 1, 0, 0, 0, -1, 0]] * 6]
    lying = forward(name, Conv2dProblem(1, 1, 8, 6, (1, 2)), image.T, [[1, -1]])
    assert not lying.any()


@pytest.mark.parametrize("name", [*ANY_KERNEL, "pointwise"])
def test_one_by_one_is_a_matrix_product_over_channels(name: str) -> None:
    problem = Conv2dProblem(3, 2, 3, 4, (1, 1))
    inputs = draw(problem, integers(4, "float32"))
    y = run(backend("conv2d", name), problem, inputs)["y"]
    product = inputs["w"].reshape(2, 3) @ inputs["x"].reshape(3, -1) + inputs["b"][:, None]
    np.testing.assert_allclose(y.reshape(2, -1), product, atol=1e-5 if name == "fft" else 0, rtol=0)


@pytest.mark.parametrize(
    ("size", "kernel_size", "stride", "before", "after", "dilation", "wanted"),
    [
        (3, 2, 1, 0, 0, 1, 2),
        (28, 5, 1, 2, 2, 1, 28),
        (28, 2, 2, 0, 0, 1, 14),
        (10, 5, 1, 0, 0, 1, 6),
        (224, 11, 4, 1, 1, 1, 54),  # 215 / 4 + 1 with 3 rows dropped
        (224, 11, 4, 2, 2, 1, 55),
        (6, 3, 2, 0, 0, 1, 2),
        (6, 3, 2, 0, 1, 1, 3),
        (7, 2, 3, 0, 0, 1, 2),
        (8, 3, 1, 0, 0, 2, 4),
        (5, 5, 7, 0, 0, 1, 1),
        (1, 1, 1, 0, 0, 1, 1),
        (2, 3, 1, 0, 0, 1, 0),
        (2, 5, 2, 0, 0, 1, -1),
    ],
)
def test_output_size(
    size: int, kernel_size: int, stride: int, before: int, after: int, dilation: int, wanted: int
) -> None:
    assert output_size(size, kernel_size, stride, before, after, dilation) == wanted


def test_arithmetic_of_a_problem() -> None:
    lenet = Conv2dProblem(6, 16, 14, 14, (5, 5))
    assert (lenet.x_shape, lenet.w_shape, lenet.y_shape) == ((6, 14, 14), (16, 6, 5, 5), (16, 10, 10))
    assert lenet.macs == 240_000
    grouped = Conv2dProblem(6, 4, 9, 8, (3, 2), (2, 1), (1, 0, 2, 1), (2, 3), 2)
    assert (grouped.w_shape, grouped.y_shape) == ((4, 3, 3, 2), (4, 3, 8))
