"""Timing: races between backends, and whole steps as a run makes them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from nbcnn.autotune.kernel_timing import time_kernels
from nbcnn.autotune.step_timing import StepPlan, step_seconds
from nbcnn.config import load_config
from nbcnn.engine.pack_buffers import PackBuffers
from nbcnn.kernels import registry
from nbcnn.kernels.contract import SimpleBackend, WeightedKernels
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.cross_entropy.op import LossProblem
from nbcnn.kernels.elementwise import ElementwiseProblem
from nbcnn.kernels.registry import refusals, register
from nbcnn.training.model import Model
from nbcnn.util.aligned import zeros

PROBLEM = Conv2dProblem(2, 3, 8, 8, (3, 3))
CALLED: list[str] = []


@pytest.fixture
def slow() -> Iterator[None]:
    """A backend of conv2d that works for 30 ms a call."""

    def busy(direction: str) -> Any:
        def kernel(*arrays: np.ndarray) -> None:
            CALLED.append(direction)
            until = time.thread_time() + 0.03
            while time.thread_time() < until:
                pass

        return kernel

    @register("conv2d", "slow")
    class Slow(SimpleBackend):
        """30 ms for nothing"""

        def build(self, problem: Conv2dProblem) -> WeightedKernels:
            return WeightedKernels(busy("forward"), busy("grad_input"), busy("grad_weight"))

    CALLED.clear()
    yield
    registry.backends("conv2d").forget("slow")


@pytest.mark.usefixtures("slow")
def test_a_race_times_every_direction_that_is_asked_for() -> None:
    times = time_kernels(PROBLEM, ["direct", "slow"], threads=2, rounds=2, footprint=100_000)
    assert list(times["direct"]) == list(times["slow"]) == ["forward", "grad_input", "grad_weight"]
    assert all(0 < times["direct"][direction] < times["slow"][direction] for direction in times["direct"])
    assert all(0.03 <= seconds for seconds in times["slow"].values())
    assert set(CALLED) == {"forward", "grad_input", "grad_weight"}
    times = time_kernels(PROBLEM, ["direct", "naive"], rounds=2, directions=["grad_weight"])
    assert list(times["naive"]) == ["grad_weight"]


@pytest.mark.usefixtures("slow")
def test_who_is_far_slower_leaves_the_race_early() -> None:
    for names, calls in ((["direct", "slow"], 3 + 1), (["slow", "direct"], 3 + 3)):
        CALLED.clear()
        assert list(time_kernels(PROBLEM, names, rounds=9, slowest=3.0)) == ["direct"]
        assert len(CALLED) == calls  # each direction once to be compiled, then no more than need be to see it


def test_activations_race_forward_and_back_and_a_loss_does_not() -> None:
    found = time_kernels(ElementwiseProblem("relu", 40), ["direct"], rounds=1)
    assert list(found["direct"]) == ["forward", "grad_input"]
    with pytest.raises(TypeError, match="a loss has one backend"):
        time_kernels(LossProblem(3), ["direct"])
    assert time_kernels(PROBLEM, []) == {}
    assert list(refusals(PROBLEM, ["direct", "pointwise", "naive"])) == ["pointwise"]


LAYERS: list[Any] = [
    {"conv2d": {"out_channels": 2, "kernel_size": 3}},
    "tanh",
    {"max_pool2d": {"kernel_size": 2}},
    {"sequential": [{"conv2d": {"out_channels": 2, "kernel_size": 1, "bias": False}}]},
    "flatten",
    {"linear": {"out_features": 3}},
]


def network(layers: list[Any] = LAYERS) -> Model:
    return Model(load_config({"name": "r", "input": {"channels": 1, "height": 8, "width": 8}, "layers": layers}))


@pytest.mark.parametrize("layers", [LAYERS, ["relu", *LAYERS[:1], "flatten", "tanh"]])
@pytest.mark.parametrize("training", [True, False])
def test_a_rehearsal_makes_the_calls_of_a_run(layers: list[Any], training: bool) -> None:
    net = network(layers)
    room, worker = StepPlan(net, training), PackBuffers(net, training)
    calls = [*worker.forward, *worker.backward]
    made = [(call.layer, call.direction) for call in calls]
    assert [(call.layer, call.direction) for call in room.calls] == made
    shapes = [tuple(a.shape for a in call.arrays[:-1]) for call in calls]
    assert [tuple(a.shape for a in call.arrays[:-1]) for call in room.calls] == shapes
    with pytest.raises(RuntimeError, match="have kernels once backends are named"):
        room.calls[0].kernel()


def test_the_footprint_is_that_of_all_packs_and_parameters() -> None:
    flat = network(["flatten", {"linear": {"out_features": 3}}])
    parameters, packs = 64 * 3 + 3, 16 * (64 + 3)
    assert StepPlan(flat, False).footprint == 4 * (parameters + packs)
    assert StepPlan(flat, True).footprint == 4 * (2 * parameters + packs + 16 * 3)


def test_buffers_are_zeros_that_begin_at_a_cache_line() -> None:
    for dtype in ("float32", "float64"):
        for shape in ((0,), (3,), (7, 5, 16), (300, 40, 16)):
            made = zeros(shape, np.dtype(dtype))
            assert (made.shape, made.dtype, made.flags.c_contiguous, made.flags.writeable) == (shape, dtype, True, True)
            assert made.size == 0 or made.ctypes.data % 64 == 0
            assert not made.any()
    net = network()
    for room in (StepPlan(net, True), PackBuffers(net, True)):
        assert {room.pack((3, 5)).ctypes.data % 64 for _ in range(20)} == {0}


@pytest.mark.usefixtures("slow")
def test_whole_steps_run_the_backends_that_are_named() -> None:
    net = network()
    plain = {layer.path: "direct" for layer in net.layers() if layer.op}
    first, second = step_seconds(net, True, 2, [plain, plain | {"3.0": "slow"}], rounds=2, seconds=0.001)
    assert 0 < first < second and second >= 0.09  # forward and both gradients, 30 ms each
    assert set(CALLED) == {"forward", "grad_weight", "grad_input"}
    CALLED.clear()
    step_seconds(net, False, 1, [plain | {"3.0": "slow"}], rounds=2, seconds=0.001)
    assert set(CALLED) == {"forward"}
