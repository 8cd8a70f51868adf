"""One image alone: the bits of a pack, for every kernel that has it, whole networks, and any number of images."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from exhaustive import parametrize
from kernels.networks import LENET_LIKE, MOTLEY, SPREAD, build, images
from plain_python import SLOWLY

import nbcnn
from nbcnn.conformance.guarded_arrays import GuardedArrays
from nbcnn.engine.engine import Engine
from nbcnn.engine.single_image import MOST_SINGLE_IMAGES, SingleImageExecutor, can_go_alone
from nbcnn.errors import KernelError
from nbcnn.kernels import registry
from nbcnn.kernels.contract import LANES, OneImage
from nbcnn.kernels.conv2d.direct import Direct
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.elementwise import ElementwiseProblem
from nbcnn.kernels.linear.op import LinearProblem
from nbcnn.kernels.pooling import Pool2dProblem
from nbcnn.layers import LAYERS
from nbcnn.layers.reshape import Flatten
from nbcnn.training.model import Model

EVERY = 6 if SLOWLY else 1
MODELS = ("lenet-d2l", "lenet-relu", "lenet")
NETWORKS = (*(() if SLOWLY else MODELS), "lenet-like", "motley", "spread")
"""LeNet's packs as plain Python would take minutes."""


def convolutions() -> Iterator[Conv2dProblem]:
    """Widths 1 to 40, channels 1 to 17, kernels 1 to 7, and everything else at random."""
    random = np.random.default_rng(5)

    def draw(low: int, high: int, count: int = 1) -> Any:
        drawn = tuple(int(n) for n in random.integers(low, high + 1, count))
        return drawn if count > 1 else drawn[0]

    for number in range(120):
        groups = draw(1, 3)
        channels = groups * draw(1, 5), groups * draw(1, 17)
        size, window = (draw(1, 9), 1 + number % 40), (draw(1, 7, 2), draw(1, 3, 2), draw(0, 3, 4), draw(1, 3, 2))
        problem = Conv2dProblem(*channels, *size, *window, groups)
        if min(problem.y_shape) > 0:
            yield problem


def poolings() -> Iterator[Pool2dProblem]:
    """Sizes around a vector, every kind of window."""
    random = np.random.default_rng(6)
    for number in range(160):
        op = ("max_pool2d", "avg_pool2d")[number % 2]
        size, stride = (tuple(int(n) for n in random.integers(1, high, 2)) for high in (5, 4))
        sides = tuple(int(random.integers(0, size[axis] // 2 + 1)) for axis in (0, 0, 1, 1))
        problem = Pool2dProblem(
            op, int(random.integers(1, 4)), int(random.integers(1, 12)), 1 + number % 40, size, stride
        )
        dilation = tuple(int(n) for n in random.integers(1, 3, 2)) if op == "max_pool2d" else (1, 1)
        more = {"count_include_pad": bool(random.integers(2)), "divisor_override": (None, 3)[int(random.integers(2))]}
        problem = replace(problem, padding=sides, ceil_mode=bool(random.integers(2)), dilation=dilation)
        problem = replace(problem, **more) if op == "avg_pool2d" else problem
        if min(problem.y_shape) > 0:
            yield problem
    yield Pool2dProblem("avg_pool2d", 3, 7, 7, (7, 7), (1, 1))
    yield Pool2dProblem("max_pool2d", 3, 7, 9, (7, 9), (1, 1))


def others() -> Iterator[Any]:
    """Features around the blocks of 4, 16 and 32."""
    for features in (1, 2, 3, 4, 5, 15, 16, 17, 31, 33, 120):
        for outputs in (1, 10, 15, 16, 17, 31, 32, 33, 84):
            yield LinearProblem(features, outputs)
        for op in ("relu", "sigmoid", "tanh", "softmax", "log_softmax"):
            yield ElementwiseProblem(op, features)


PROBLEMS = {"conv2d": convolutions, "pooling": poolings, "others": others}


def inputs_of(problem: Any, seed: int) -> list[np.ndarray]:
    """A pack x of different images, and the weights where there are some."""
    random = np.random.default_rng(seed)
    shapes = [(*problem.x_shape, LANES)]
    if hasattr(problem, "w_shape"):
        shapes += [problem.w_shape, problem.w_shape[:1]]
    return [3 * random.standard_normal(shape).astype(problem.dtype) for shape in shapes]


def from_pack(problem: Any, x: np.ndarray, *weights: np.ndarray) -> np.ndarray:
    """What the backend direct makes of a pack."""
    y = np.empty((*problem.y_shape, LANES), problem.dtype)
    kernels, floats = registry.prepare(problem)
    kernels.forward(x, *weights, y, np.full(floats, np.nan, problem.dtype))
    return y


def from_one(problem: Any, x: np.ndarray, *weights: np.ndarray) -> np.ndarray:
    """What it makes of one image, between margins that must stay as they are."""
    prepared = registry.prepare_single(problem)
    assert prepared is not None
    fence = GuardedArrays()
    y, scratch = (
        fence.output("y", problem.y_shape, problem.dtype),
        fence.output("scratch", (prepared.workspace,), problem.dtype),
    )
    given = [fence.input(str(number), array) for number, array in enumerate((np.ascontiguousarray(x), *weights))]
    prepared.kernels.forward(*given, y, scratch)
    fence.check()
    return y


def assert_same_bits(got: np.ndarray, wanted: np.ndarray, what: Any) -> None:
    """NaN may have any bits."""
    nan = np.isnan(wanted)
    assert np.array_equal(np.isnan(got), nan), what
    clean = [np.where(nan, 0, array) for array in (got, wanted)]
    assert clean[0].tobytes() == np.ascontiguousarray(clean[1]).tobytes(), what


@pytest.mark.parametrize("kind", PROBLEMS)
@parametrize("step", [1, 24], quick=[24])  # each convolution is compiled for its kernel's size
def test_the_bits_of_a_pack(kind: str, step: int, dtype: str) -> None:
    for number, problem in enumerate([*PROBLEMS[kind]()][:: step * EVERY]):
        problem = replace(problem, dtype=dtype)
        x, *weights = inputs_of(problem, number)
        pack, image = from_pack(problem, x, *weights), number % LANES
        assert_same_bits(from_one(problem, x[..., image], *weights), pack[..., image], problem)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -0.0])
@pytest.mark.parametrize("kind", PROBLEMS)
@parametrize("step", [5, 24], quick=[24])
def test_what_is_no_number_passes_as_in_a_pack(kind: str, step: int, value: float) -> None:
    for number, problem in enumerate([*PROBLEMS[kind]()][:: step * EVERY]):
        x, *weights = inputs_of(problem, number)
        x.reshape(-1, LANES)[number % (x.size // LANES)] = value
        with np.errstate(all="ignore"):  # kernels as plain Python warn
            pack, one = from_pack(problem, x, *weights), from_one(problem, x[..., 3], *weights)
        assert_same_bits(one, pack[..., 3], problem)


def in_packs(engine: Engine, x: np.ndarray) -> np.ndarray:
    """Of few images, as the first of many."""
    more = np.concatenate([x, np.zeros((MOST_SINGLE_IMAGES, *x.shape[1:]), x.dtype)])
    return engine.predict(more)[: len(x)]


def network(which: str, dtype: str = "float32") -> Model:
    if which in MODELS:
        return Model(nbcnn.load(which).config, dtype)
    return build({"lenet-like": LENET_LIKE, "motley": MOTLEY, "spread": SPREAD}[which], dtype, channels=2)


@pytest.mark.parametrize("count", [1, 2, MOST_SINGLE_IMAGES - 1])
@parametrize("which", NETWORKS, quick={"lenet", "lenet-like", "motley"})
def test_a_network_gives_the_bits_of_its_packs(which: str, count: int, dtype: str) -> None:
    net = network(which, dtype)
    engine = Engine(net, training=False, threads=1)
    assert engine._single is not None
    x, _ = images(net, count)
    x.flat[0] = -0.0
    octets = np.random.default_rng(2).integers(0, 256, x.shape, dtype=np.uint8)
    other = x.astype("float64" if dtype == "float32" else "float32")
    for given in (x, octets, other):
        got = engine.predict(given)
        assert got.shape == (count, *net.out_shape)
        assert got.dtype == net.dtype
        assert got.tobytes() == in_packs(engine, given).tobytes(), given.dtype


def test_each_result_is_an_array_of_its_own() -> None:
    net = network("lenet-like")
    x, _ = images(net, 2)
    first = net(x[:1])
    before = first.copy()
    net(x[1:])
    assert np.array_equal(first, before)


def test_weights_that_change_between_calls_are_seen() -> None:
    net = network("lenet-like")
    x, _ = images(net, 1)
    before = net(x)
    for name, tensor in net.tensors.items():
        tensor.flat[-1] += 1
        after = net(x)
        assert not np.array_equal(after, before), name
        assert net._engine is not None
        assert after.tobytes() == in_packs(net._engine, x).tobytes(), name
        before = after
    net.parameters *= 0.5
    assert not np.array_equal(net(x), before)


@pytest.mark.parametrize("backends", [{"conv2d": "im2col"}, {"conv2d": "naive"}, {"linear": "naive"}])
def test_a_backend_without_it_runs_in_packs(backends: dict[str, str]) -> None:
    net = build(LENET_LIKE, channels=2, backends=backends)
    assert not can_go_alone(net)
    x, _ = images(net, 1)
    got = net(x)
    assert net._engine is not None
    assert net._engine._single is None
    assert got.tobytes() == in_packs(net._engine, x).tobytes()
    with pytest.raises(KernelError, match=r"layers\[\d\].*: backend \w+ has no kernel for one image alone"):
        SingleImageExecutor(net)


def test_a_layer_with_a_bind_of_its_own_runs_in_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    class Flat(Flatten):
        def bind(self, buffers: Any, x: Any, dx: Any, training: bool) -> Any:
            assert x.shape[-1] == LANES
            return super().bind(buffers, x, dx, training)

    assert can_go_alone(build(LENET_LIKE))
    monkeypatch.setitem(LAYERS._things, "flatten", Flat)
    net = build(LENET_LIKE)
    assert not can_go_alone(net)
    assert net(images(net, 1)[0]).shape == (1, 4)


def test_a_python_function_may_compute_one_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a plugin's around a matrix product: it is called from Python, in one thread of BLAS."""
    calls = []

    class Slow(Direct):
        """direct, called from Python"""

        def single(self, problem: Conv2dProblem) -> OneImage:
            found = super().single(problem)

            def forward(*arrays: np.ndarray) -> None:
                calls.append(arrays[0].shape)
                found.forward(*arrays)

            return found._replace(forward=forward)

    monkeypatch.setitem(registry.backends("conv2d")._things, "slow", Slow)
    try:
        net, plain = build(LENET_LIKE, backends={"conv2d": "slow"}), build(LENET_LIKE)
        x, _ = images(net, 1)
        assert net(x).tobytes() == plain(x).tobytes()
        assert calls == [(1, 8, 8), (2, 4, 4)]
    finally:
        registry.backend.cache_clear()
        registry.prepare.cache_clear()
        registry.prepare_single.cache_clear()


def test_threads_that_call_at_once_get_their_own_results() -> None:
    net = network("motley")
    x, _ = images(net, MOST_SINGLE_IMAGES)
    wanted = [net(x[n : n + 1]) for n in range(MOST_SINGLE_IMAGES)]
    wrong = []

    def work(n: int) -> None:
        for _ in range(5 if SLOWLY else 300):
            if net(x[n : n + 1]).tobytes() != wanted[n].tobytes():
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.jit
@parametrize("which", MODELS, quick=["lenet"])
def test_one_image_runs_without_python_between_its_kernels(which: str) -> None:
    assert SingleImageExecutor(network(which))._call_list.native


def test_no_images_give_no_results() -> None:
    net = network("lenet-like")
    assert net(np.zeros((0, *net.in_shape), np.float32)).shape == (0, 4)


def test_one_image_alone_has_no_gradient() -> None:
    net = network("lenet-like")
    with pytest.raises(KernelError, match=r"0.weight: one image alone has no gradient; train with packs"):
        SingleImageExecutor(net).gradient("0.weight")
