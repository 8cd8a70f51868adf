"""The plan of a pack's memory: nothing that lives at once overlaps; what can't be planned is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from kernels.networks import BRANCHES, build, images

from nbcnn.compiler.jit import kernel
from nbcnn.engine.engine import Engine
from nbcnn.engine.memory_plan import Blocks, Memory, Relocation, plan
from nbcnn.engine.serial import SerialExecutor
from nbcnn.errors import KernelError
from nbcnn.layers.base import LAYERS, Bound, Call, Layer, LayerConfig
from nbcnn.training.model import Model
from nbcnn.util.aligned import zeros
from nbcnn.util.spans import span


def random_stages(seed: int) -> tuple[list[list[Call]], list[np.ndarray]]:
    """Calls on some of many arrays, parts of them too, in up to four stages."""
    random = np.random.default_rng(seed)
    arrays = [zeros((int(n),), np.dtype(np.float32)) for n in random.integers(1, 200, random.integers(2, 25))]
    stages: list[list[Call]] = [[] for _ in range(random.integers(1, 5))]
    for _ in range(random.integers(1, 40)):
        chosen = [arrays[k] for k in random.integers(0, len(arrays), random.integers(1, 4))]
        parts = tuple(array[len(array) // 3 :] if random.integers(2) else array for array in chosen)
        stages[random.integers(len(stages))].append(Call("", "forward", print, parts))
    return stages, arrays


@pytest.mark.parametrize("seed", range(200))
def test_arrays_that_live_at_once_do_not_overlap(seed: int) -> None:
    stages, arrays = random_stages(seed)
    blocks = Blocks(arrays)
    found = plan(stages, blocks)
    where: dict[int, list[tuple[int, int]]] = {}
    for number, (stage, call) in enumerate((s, c) for s, calls in enumerate(stages) for c in calls):
        for array in call.arrays:
            at = blocks.find(array)
            assert at is not None
            where.setdefault(at[0], []).append((stage, number))
    assert where.keys() == found.places.keys()
    for a, when in where.items():
        crosses = len({stage for stage, _ in when}) > 1
        place, size = found.places[a], blocks.arrays[a].nbytes
        assert place.every_pack == crosses
        assert place.offset % 64 == 0
        assert 0 <= place.offset <= (found.row if crosses else found.own) - size
        for b, other in where.items():
            if a == b or found.places[b].every_pack != crosses:
                continue
            key = 0 if crosses else 1  # rows live by whole stages
            together = min(t[key] for t in when) <= max(t[key] for t in other) and (
                min(t[key] for t in other) <= max(t[key] for t in when)
            )
            begin, end = found.places[b].offset, found.places[b].offset + blocks.arrays[b].nbytes
            if together:
                assert place.offset + size <= begin or end <= place.offset, (a, b)


def test_relocated_arrays_are_the_same_parts_of_planned_memory() -> None:
    stages, arrays = random_stages(3)
    blocks = Blocks(arrays)
    found = plan(stages, blocks)
    memory = Memory(zeros((found.own,), np.dtype(np.uint8)), zeros((2, found.row), np.dtype(np.uint8)))
    calls = [call for stage in stages for call in stage]
    for call, moved in zip(calls, Relocation(blocks, found, memory).calls(calls), strict=True):
        for array, new in zip(call.arrays, moved.arrays, strict=True):
            number, offset = blocks.find(array) or (0, 0)
            place = found.places[number]
            home = memory.rows if place.every_pack else memory.own
            assert span(new)[0] - span(home)[0] == place.offset + offset
            assert (new.shape, new.dtype, new.strides) == (array.shape, array.dtype, array.strides)


def test_branches_reuse_memory() -> None:
    """Of a training pack, and of a prediction, where a branch's arrays are free once it is joined."""
    network = build(BRANCHES, size=9)  # as in trust/matrix.py: its kernels are compiled once
    x, labels = images(network, 40)
    engine = Engine(network, threads=1)
    try:
        engine.train_step(x, labels, np.arange(40))
        engine.evaluate(x, labels, np.arange(40))
        (worker,) = engine.workers
        for mode, share in (("train", 1.0), ("eval", 0.6)):
            found = worker._moves[mode].plan
            own = worker.buffers if mode == "train" else worker._inference
            assert found.own + found.row < share * sum(array.nbytes for array in own.blocks)
    finally:
        engine.close()


def test_an_evaluation_of_many_images_gives_training_no_more_memory() -> None:
    """What crosses from stage to stage has a row for each pack of a training batch, however many are evaluated."""
    network = build(BRANCHES, size=9)  # as in trust/matrix.py: its kernels are compiled once
    x, labels = images(network, 400)
    engine = Engine(network, threads=1)
    try:
        for _ in range(2):
            first = engine.train_step(x, labels, np.arange(40)).losses.tobytes()
            engine.evaluate(x, labels, np.arange(400))
            engine.predict(x)
            again = engine.train_step(x, labels, np.arange(40)).losses.tobytes()
            rows = engine.workers[0]._moves["train"].memory.rows
            assert rows.shape[0] == 3 and rows.shape[1] > 0 and first == again
    finally:
        engine.close()


# Layers of plugins whose kernels have arrays that no plan knows.


@kernel
def copy(x, y):
    for at in range(y.size):
        y.flat[at] = x.flat[at]


class Holder:
    """Callable, with an array."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __call__(self, x: np.ndarray) -> None:
        copy(x, self.array)

    def method(self, x: np.ndarray) -> None:
        copy(x, self.array)


def in_closure(y: np.ndarray) -> Callable[..., None]:
    def inner(x: np.ndarray) -> None:
        copy(x, y)

    def outer(x: np.ndarray) -> None:
        inner(x)

    return outer


def in_default(y: np.ndarray) -> Callable[..., None]:
    def function(x: np.ndarray, y: np.ndarray = y) -> None:
        copy(x, y)

    return function


HIDDEN: dict[str, Callable[[np.ndarray], Any]] = {
    "closure": in_closure,
    "part in a closure": lambda y: in_closure(y[:1]),
    "default": in_default,
    "partial": lambda y: partial(copy, y=y),
    "object": Holder,
    "bound method": lambda y: Holder(y).method,
    "list in a closure": lambda y: lambda x, held=[y]: copy(x, held[0]),
}


class PlainConfig(LayerConfig):
    """No arguments."""


@pytest.fixture
def layer(request: pytest.FixtureRequest) -> Iterator[Callable[..., None]]:
    """Registers a layer with this ``bind`` as ``odd``."""

    def registered(bind: Callable[..., Bound]) -> None:
        LAYERS.register("odd")(
            type("Odd", (Layer,), {"Config": PlainConfig, "infer": lambda self: self.in_shape, "bind": bind})
        )

    yield registered
    LAYERS.forget("odd")


def network_of(*layers: Any) -> Model:
    return build([*layers, "flatten", {"linear": {"out_features": 3}}])


def step_of(executor: Any, network: Model) -> None:
    x, labels = images(network, 40)
    try:
        executor.train_step(x, labels, np.arange(40))
        executor.evaluate(x, labels, np.arange(40))
        executor.predict(x)
    finally:
        executor.close()


@pytest.mark.parametrize("how", HIDDEN)
def test_an_array_that_a_kernel_holds_is_refused(how: str, layer: Callable[..., None]) -> None:
    def bind(self: Any, buffers: Any, x: np.ndarray, dx: Any, training: bool) -> Bound:
        y = buffers.pack(self.out_shape)
        return Bound(
            y, buffers.pack(self.out_shape) if training else None, [Call(self.path, "forward", HIDDEN[how](y), (x,))]
        )

    layer(bind)
    network = network_of("odd")
    words = (
        r"layer 0: the function of its forward holds an array of shape .* that bind took from buffers, .*Put the array"
    )
    with pytest.raises(KernelError, match=words):
        step_of(Engine(network, threads=2), network)
    serial = SerialExecutor(network)  # has no plan
    assert np.isfinite(serial.predict(images(network, 3)[0])).all()


def test_what_is_no_array_of_a_pack_may_be_held(layer: Callable[..., None]) -> None:
    """Constants, the layer, its config, its buffers, and functions that hold each other."""

    def bind(self: Any, buffers: Any, x: np.ndarray, dx: Any, training: bool) -> Bound:
        table, note = np.arange(5.0), SimpleNamespace(y=buffers.pack(self.out_shape))

        def forward(x: np.ndarray, y: np.ndarray) -> None:
            assert table.size == 5 and self.config is not None and buffers is not None and note and forward
            copy(x, y)

        y = buffers.pack(self.out_shape)
        return Bound(
            y, buffers.pack(self.out_shape) if training else None, [Call(self.path, "forward", forward, (x, y))]
        )

    layer(bind)
    network = network_of("odd")
    step_of(Engine(network, threads=2), network)


@pytest.mark.parametrize("constant", [False, True])
def test_an_array_of_its_own_from_stage_to_stage_is_refused_unless_it_is_constant(
    constant: bool, layer: Callable[..., None]
) -> None:
    def bind(self: Any, buffers: Any, x: np.ndarray, dx: Any, training: bool) -> Bound:
        own = np.zeros((*self.out_shape, 16), buffers.dtype)
        own.flags.writeable = not constant
        y, dy = buffers.pack(self.out_shape), buffers.pack(self.out_shape) if training else None

        def forward(x: np.ndarray, own: np.ndarray, y: np.ndarray) -> None:
            np.add(x, own, out=y)

        backward = [Call(self.path, "grad_input", forward, (dy, own, dx))] if dx is not None else []
        return Bound(y, dy, [Call(self.path, "forward", forward, (x, own, y))], backward)

    layer(bind)
    network = network_of("batch_norm2d", "odd", "batch_norm2d")
    if constant:
        step_of(Engine(network, threads=2), network)
        return
    words = (
        r"layer 1: its grad_input uses an array of shape \(1, 8, 8, 16\) that this layer made and its forward uses too"
    )
    with pytest.raises(KernelError, match=words + r".*buffers\.pack\(shape\); a constant must be read-only"):
        step_of(Engine(network, threads=2), network)
