"""What backends say that they do, counted: against sums made by hand, and against what their loops really do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from math import prod
from pathlib import Path

import pytest

from kernels.cases import CONV2D
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.linear.op import LinearProblem
from nbcnn.kernels.registry import backend, backend_names, cost, tolerance

LENET2 = Conv2dProblem(6, 16, 14, 14, (5, 5))
PROBLEMS = {
    **CONV2D,
    "uneven 1x1": Conv2dProblem(9, 11, 3, 5, (1, 1)),
    "strided depthwise": Conv2dProblem(4, 4, 9, 18, (3, 3), (2, 2), (1, 1, 1, 0), groups=4),
}

COUNT = """
import json, sys
import numpy as np
from nbcnn.kernels.conv2d import _blocks, _depthwise, naive, pointwise
from nbcnn.kernels.registry import backend
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from kernels.test_cost import PROBLEMS

loads, load, add_products, add_windows = [0], naive.load, _blocks.add_products, _blocks.add_windows
def counting(x, index):
    loads[0] += 1
    return load(x, index)
def counting_products(s, u, v):
    loads[0] += len(u) * len(v)
    return add_products(s, u, v)
def counting_windows(s, u, row):
    loads[0] += len(s) * len(s[0]) * len(u[0])
    return add_windows(s, u, row)
_blocks.add_windows = counting_windows
naive.load = counting
_blocks.add_products = _depthwise.add_products = pointwise.add_products = counting_products
counts = {}
for case, p in PROBLEMS.items():
    for name in ("direct", "pointwise", "naive"):
        chosen = backend("conv2d", name)
        if chosen.supports(p) is not None:
            continue
        kernels, scratch = chosen.build(p), np.zeros(chosen.workspace(p), "float32")
        x, y, w, b = (np.zeros(s, "float32") for s in ((*p.x_shape, 16), (*p.y_shape, 16), p.w_shape, p.y_shape[:1]))
        row = counts.setdefault(name, {}).setdefault(case, [])
        for call in (
            lambda: kernels.forward(x, w, b, y, scratch),
            lambda: kernels.grad_input(y, w, x, scratch),
            lambda: kernels.grad_weight(x, y, w, b, scratch),
        ):
            loads[0] = 0
            call()
            row.append(loads[0])
print(json.dumps(counts))
"""


@pytest.fixture(scope="module")
def loads() -> dict[str, dict[str, list[int]]]:
    """How often the loops of ``direct`` and ``pointwise`` multiply lanes, those of ``naive`` load some, run as plain Python."""
    tests = Path(__file__).parent.parent
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": f"{tests.parent}{os.pathsep}{tests}"}
    done = subprocess.run([sys.executable, "-c", COUNT], env=environment, capture_output=True, text=True, check=True)
    counts: dict[str, dict[str, list[int]]] = json.loads(done.stdout)
    return counts


@pytest.mark.parametrize("case", PROBLEMS)
def test_blocks_say_what_they_do(case: str, loads: dict[str, dict[str, list[int]]]) -> None:
    problem = PROBLEMS[case]
    for name in ("direct", "pointwise"):
        if backend("conv2d", name).supports(problem) is None:
            assert [work.macs for work in cost(problem, name)] == [LANES * made for made in loads[name][case]]


@pytest.mark.parametrize("case", CONV2D)
def test_naive_says_what_it_does(case: str, loads: dict[str, dict[str, list[int]]]) -> None:
    forward, grad_input, grad_weight = loads["naive"][case]
    bias = prod(CONV2D[case].y_shape)
    assert [work.macs for work in cost(CONV2D[case], "naive")] == [
        forward * LANES,
        grad_input * LANES,
        (grad_weight - bias) // 2 * LANES,
    ]


def test_costs_by_hand() -> None:
    assert cost(LENET2, "im2col").forward.macs == 240_000 * LANES
    columns = 6 * 25 * 100 * LANES
    arrays = (6 * 196 + 16 * 100) * LANES + 16 * 150
    assert cost(LENET2, "im2col").grad_input.numbers == arrays + 2 * columns
    # A transform of 16 × 16 real pixels: 8 rows of 8 · 4 butterflies and 9 columns of as many, 4 multiplications each. 6
    # planes go in, 16 come out; 16 · 6 products of 16 · 9 complex numbers; 96 kernels are transformed for all images.
    transform = 4 * (8 + 9) * 32
    assert cost(LENET2, "fft").forward.macs == LANES * (22 * transform + 96 * 4 * 144) + 96 * transform
    assert cost(LENET2, "fft").forward.macs < cost(LENET2, "direct").forward.macs
    wide = Conv2dProblem(64, 32, 8, 8, (1, 1))
    assert cost(wide, "pointwise").forward.macs == 64 * 32 * 64 * LANES
    strided = replace(wide, stride=(2, 2))
    assert cost(strided, "pointwise").forward.numbers - cost(strided, "naive").forward.numbers == 2 * 64 * 16 * LANES
    assert cost(LinearProblem(10, 3)).grad_weight.macs == 30 * LANES


@pytest.mark.parametrize("name", backend_names("conv2d"))
def test_fast_transforms_do_not_care_for_the_kernel(name: str) -> None:
    small, large = (Conv2dProblem(4, 4, 32, 32, (k, k), padding=(0, 0, 0, 0)) for k in (3, 9))
    if backend("conv2d", name).supports(large) is None:
        less, more = cost(small, name).forward.macs, cost(large, name).forward.macs
        assert (less == more) == (name == "fft")


def test_transforms_have_a_tolerance() -> None:
    stated = {name: tolerance(CONV2D["3x3"], name) for name in backend_names("conv2d")}
    assert {name for name, bound in stated.items() if bound} == {"fft", "winograd", "winograd_2x2"}
    assert tolerance(LENET2, "fft") == pytest.approx(2**-23 * 8 * (256 / 25) ** 0.5)
