"""What the hot kernels become: packed arithmetic on whole vectors. A fall from there is silent, and costs a factor."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from math import prod
from typing import Any

import numba
import pytest
from exhaustive import exhaustive, parametrize
from llvmlite.binding import get_host_cpu_features
from numba import float32, float64, int64, typeof, types

from nbcnn.compiler.host import vector_registers
from nbcnn.compiler.jit import OPTIONS, kernel
from nbcnn.kernels.conv2d import _blocks, naive, pointwise
from nbcnn.kernels.conv2d import _one_image as one_convolution
from nbcnn.kernels.conv2d._sizes import flat_block, forward_block, input_block, weight_block
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.linear import _one_image as one_linear
from nbcnn.kernels.linear import direct as linear
from nbcnn.kernels.register_blocks import sums
from nbcnn.lanes import LANES, vector_type

pytestmark = pytest.mark.jit

SCALAR = r"\bvfn?m(?:add|sub)\d+s[sd]\b|\bv?muls[sd]\b|\bfmadd\b"
"""A multiplication of one number; additions of one are what a sum of lanes ends with."""


def packed(bits: int) -> str:
    """A multiplication or fused multiply-add on several numbers of so many bits, on this machine."""
    if platform.machine() in ("aarch64", "arm64"):
        return r"\bfml[as]\s+v\d+\.[24][sd]"
    letter = {32: "s", 64: "d"}[bits]
    return rf"\bvfmadd\d+p{letter}\b" if get_host_cpu_features().get("fma") else rf"\bv?mulp{letter}\b"


def assembly(dispatcher: Any, *signature: Any) -> str:
    """Compiled here and now: what comes from the cache holds no text."""
    fresh = numba.njit(**OPTIONS)(dispatcher.py_func)
    fresh.compile(signature)
    return str(fresh.inspect_asm()[signature])


def array(number: Any, axes: int) -> Any:
    return types.Array(number, axes, "C")


PAIR = types.UniTuple(int64, 2)


def kernels(f: Any) -> dict[str, tuple[Any, tuple[Any, ...], int]]:
    """Kernels with their signatures, and how many sums each keeps in registers: blocks as layers of LeNet have them."""
    known, tuples, flat = {}, types.UniTuple, (array(f, 2), array(f, 2), array(f, 1), array(f, 2), array(f, 1))
    weights = (array(f, 4), array(f, 4), array(f, 1), array(f, 4))
    for shape in ((1, 6, 28, 28, (5, 5), (1, 1), (2, 2, 2, 2)), (6, 16, 14, 14, (5, 5))):
        problem = Conv2dProblem(*shape, dtype=str(f))  # type: ignore[arg-type]
        for side, block in (("forward", forward_block(problem)), ("grad_input", input_block(problem))):
            for steps in (1, 3):
                parts = (tuples(int64, 6), tuples(int64, 3), tuples(int64, steps), tuples(int64, 4), tuples(int64, 6))
                plan = types.Tuple(parts)
                name = f"correlate, {side} of {problem.in_channels} to {problem.out_channels}, {steps} steps"
                known[name] = (_blocks.correlate, (*weights, plan, typeof(block)), size(block[:2]))
        block = weight_block(problem)
        signature = (*(array(f, 4),) * 3, PAIR, PAIR, typeof(block))
        known[f"sum_products of {problem.in_channels} to {problem.out_channels}"] = (
            _blocks.sum_products,
            signature,
            size(block[:3]),
        )
    block = flat_block(64, 196, str(f))
    matrix = (array(f, 3), array(f, 2), array(f, 1), array(f, 3), int64, typeof(block))
    known["pointwise, forward"] = (pointwise.mix, matrix, size(block))
    turned = (array(f, 3), types.Array(f, 2, "F"), *matrix[2:])
    known["pointwise, grad_input"] = (pointwise.mix, turned, size(block))
    rows = tuple(range(min(8, sums(str(f)))))
    numbers = typeof(rows)
    known["linear, forward"] = (linear.forward, (*flat, numbers), len(rows))
    known["linear, grad_input"] = (linear.grad_input, (*flat[:2], array(f, 2), array(f, 1), numbers), len(rows))
    block = linear.weight_block(120, 400, sums(str(f)))
    known["linear, grad_weight"] = (linear.sum_images, (*(array(f, 2),) * 3, typeof(block)), size(block))
    window = types.Tuple((PAIR, tuples(int64, 3), int64, PAIR, int64, PAIR))
    one = (array(f, 3), array(f, 4), array(f, 1), array(f, 2), window)
    for channels, name in ((2, "few channels"), (6, "six channels"), (64, "many channels")):
        block = one_convolution.block(channels, 784, str(f))
        known[f"one image, {name}"] = (one_convolution.correlate, (*one, typeof(block)), size(block))
    return known | {
        "the formula": (naive.forward, (*weights, array(f, 1), tuples(PAIR, 3)), 1),
    }


def lanes(f: Any) -> Any:
    return vector_type.LANES_OF[f]


def size(block: Any) -> int:
    """How many sums of 16 images a block has; of 8 images half as many."""
    return prod(map(len, block[:2])) // prod(map(len, block[2:]))


@parametrize("name", kernels(float32), quick=["linear, forward", "the formula"])
@parametrize("number", [float32, float64], quick=[float32], ids=str)
def test_hot_kernels_are_packed(name: str, number: Any) -> None:
    dispatcher, signature, sums = kernels(number)[name]
    text = assembly(dispatcher, *signature)
    found = re.findall(packed(number.bitwidth), text)
    registers = LANES * number.bitwidth // vector_bits()
    assert len(found) >= sums * registers
    assert not re.findall(SCALAR, text)
    if vector_registers() == (32, 512):
        assert not spilled(text, number.bitwidth)


STACK = r"^.*\(%rsp\).*%zmm.*$|^.*%zmm.*\(%rsp\).*$"
"""An instruction that has a vector register and a place on the stack."""


def spilled(text: str, bits: int) -> list[str]:
    """Instructions that keep vectors on the stack, in the stretches between labels that multiply and add."""
    stretches = re.split(r"^\S+:.*$", text, flags=re.M)
    return [
        line
        for stretch in stretches
        if re.search(packed(bits), stretch)
        for line in re.findall(STACK, stretch, flags=re.M)
    ]


def test_pointwise_has_the_cache_fetch() -> None:
    dispatcher, signature, _ = kernels(float32)["pointwise, forward"]
    assert re.search(r"\b(?:prefetch|prfm)", assembly(dispatcher, *signature))


def test_a_block_too_large_is_seen_to_spill() -> None:
    weights = (array(float32, 4), array(float32, 4), array(float32, 1), array(float32, 4))
    plan = types.Tuple([types.UniTuple(int64, n) for n in (6, 3, 1, 4, 6)])
    large = (tuple(range(8)), tuple(range(5)))
    text = assembly(_blocks.correlate, *weights, plan, typeof(large))
    assert bool(spilled(text, 32)) == (vector_registers() == (32, 512))


@pytest.mark.parametrize("number", [float32, float64], ids=str)
def test_one_image_through_a_linear_layer_is_packed(number: Any) -> None:
    """But for the last features, of which there are fewer than four."""
    text = assembly(one_linear.sums, array(number, 1), array(number, 2), array(number, 1), array(number, 1))
    assert len(re.findall(packed(number.bitwidth), text)) >= 8 * LANES * number.bitwidth // vector_bits()
    assert "gather" not in text


def vector_bits() -> int:
    """The width of this machine's vectors, as far as LLVM makes use of it."""
    features = get_host_cpu_features()
    return 512 if features.get("avx512f") else 256 if features.get("avx") else 128


def test_the_test_can_tell() -> None:
    """A plain sum of products is no packed code, for LLVM may not reorder it."""

    @kernel
    def plain(x, w):  # type: ignore[no-untyped-def]
        s = x[0]
        for i in range(x.size):
            s += x[i] * w[i]
        return s

    text = assembly(plain, array(float32, 1), array(float32, 1))
    assert re.findall(SCALAR, text)
    assert not re.findall(packed(32), text)


BITS = """
import hashlib
import numpy as np
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.elementwise import ElementwiseProblem
from nbcnn.kernels.linear.op import LinearProblem
from nbcnn.kernels.registry import backend

found, random = hashlib.sha256(), np.random.default_rng(1)
for problem in (Conv2dProblem(3, 5, 7, 8, (3, 3), (2, 1), (1, 1, 1, 1)), LinearProblem(37, 9)):
    chosen = backend(problem.op)
    kernels, scratch = chosen.build(problem), np.zeros(chosen.workspace(problem), "f4")
    shapes = ((*problem.x_shape, 16), problem.w_shape, problem.y_shape[:1], (*problem.y_shape, 16))
    x, w, b, dy = (random.standard_normal(shape, "f4") for shape in shapes)
    y, dx, dw, db = (np.empty_like(array) for array in (dy, x, w, b))
    kernels.forward(x, w, b, y, scratch)
    kernels.grad_input(dy, w, dx, scratch)
    kernels.grad_weight(x, dy, dw, db, scratch)
    for array in (y, dx, dw, db):
        found.update(array.tobytes())
x = 9 * random.standard_normal((50, 16), "f4")
for op in ("sigmoid", "tanh", "softmax"):
    y = np.empty_like(x)
    backend(op).build(ElementwiseProblem(op, 50)).forward(x, y, np.zeros(0, "f4"))
    found.update(y.tobytes())
import numba
print(found.hexdigest(), numba.core.registry.cpu_target.target_context.codegen().magic_tuple()[1])
"""


@exhaustive
def test_the_width_of_the_vectors_changes_no_bit() -> None:
    """As on this machine, and as on one with vectors of half the width, where this one can act as that."""
    narrow = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+sse4.2,+avx,+avx2,+fma,+bmi,+bmi2,+f16c,+popcnt"}
    if platform.machine() != "x86_64" or not get_host_cpu_features().get("fma"):
        narrow = {}
    found = []
    for more in ({}, narrow):
        command = [sys.executable, "-c", BITS]
        started = subprocess.run(command, env=os.environ | more, capture_output=True, text=True)
        assert started.returncode == 0, started.stderr
        found.append(started.stdout.split())
    (here, machine), (there, other) = found
    assert here == there
    assert other == narrow.get("NUMBA_CPU_NAME", machine)
