"""An activation and the pooling after it in one pass: the same bits, and only where both are what they are made of."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exhaustive import parametrize
from plugin_files import empty_folder, write  # noqa: F401 (a fixture)

from nbcnn import load_plugin
from nbcnn.config import load_config
from nbcnn.conformance.guarded_arrays import GuardedArrays
from nbcnn.engine import fusion, worker
from nbcnn.engine.engine import Engine
from nbcnn.engine.fused_kernels import ACTIVATIONS, POOLING, formulas, fused, numbers, tiles
from nbcnn.kernels.contract import LANES, KernelWithAttributes
from nbcnn.kernels.elementwise import ElementwiseProblem
from nbcnn.kernels.ops import op
from nbcnn.kernels.pooling import Pool2dProblem
from nbcnn.kernels.registry import backend
from nbcnn.layers.base import Call
from nbcnn.training.model import Model


def odd(random: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Numbers with zeros of both signs, equal ones, infinities and NaN among them."""
    x = random.standard_normal(shape).astype(dtype)
    for value in (0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan):
        x[random.random(shape) < 0.03] = value
    return x


def test_every_activation_can_be_fused() -> None:
    assert set(ACTIVATIONS) >= {"relu", "sigmoid", "tanh", "leaky_relu", "elu", "gelu", "silu", "hardswish"}


@parametrize("activation", ACTIVATIONS, quick=["relu", "sigmoid", "tanh", "leaky_relu", "silu"])
@pytest.mark.parametrize("pooling", POOLING)
@parametrize("window", [(2, 2), (1, 3), (3, 1)], quick=[(2, 2)])
def test_both_in_one_give_the_bits_of_one_after_the_other(
    activation: str, pooling: str, window: tuple[int, int], dtype: str
) -> None:
    C, H, W = 2, 3 * window[0], 4 * window[1]
    pool = Pool2dProblem(pooling, C, H, W, window, window, dtype=dtype)
    assert tiles(pool)
    alone = op(activation).problem(activation, C * H * W, dtype)
    first, of_input = backend(activation).build(alone), formulas(alone).of_input
    second, both, scratch = backend(pooling).build(pool), fused(alone, pooling), np.zeros(0, dtype)
    random, fence = np.random.default_rng(3), GuardedArrays()
    x, dz = odd(random, (C, H, W, LANES), dtype), odd(random, (*pool.y_shape, LANES), dtype)
    y, dy, dx = (np.empty_like(x) for _ in range(3))
    z = np.empty_like(dz)
    with np.errstate(all="ignore"):
        first.forward(x.reshape(-1, LANES), y.reshape(-1, LANES), scratch)
        second.forward(y, z, scratch)
        second.grad_input(y, z, dz, dy, scratch)
        first.grad_input(*(a.reshape(-1, LANES) for a in (x, y, dy, dx)), scratch)
        kept, made, none = fence.output("y", x.shape, dtype), fence.output("z", z.shape, dtype), np.full_like(x, 7)
        both.forward(fence.input("x", x), kept, made, numbers(alone, pool, keep=True))
        again = fence.output("z again", z.shape, dtype)
        both.forward(x, none, again, numbers(alone, pool, keep=False))
        back = fence.output("dx", x.shape, dtype)
        source = fence.input("x", x) if of_input else fence.input("y", y)
        both.grad_input(source, fence.input("z", z), fence.input("dz", dz), back, numbers(alone, pool, True))
    fence.check()
    assert np.all(none == 7)
    for name, got, wanted in (("y", kept, y), ("z", made, z), ("z", again, z), ("dx", back, dx)):
        same = (got.view(f"u{got.itemsize}") == wanted.view(f"u{got.itemsize}")) | (np.isnan(got) & np.isnan(wanted))
        assert same.all(), name


def network(*layers: Any, dtype: str = "float32") -> Model:
    shape = {"channels": 2, "height": 12, "width": 8}
    ends = ["flatten", {"linear": {"out_features": 3}}]
    return Model(load_config({"name": "f", "input": shape, "layers": [*layers, *ends]}), dtype)


def fused_layers(net: Model) -> list[str]:
    """Paths of the pairs in a training step's calls, and in those of a prediction."""
    engine, x = Engine(net, threads=1), np.zeros((1, 2, 12, 8), np.float32)
    engine.train_step(x, np.zeros(1, np.int64), np.arange(1))
    own = engine.workers[0]
    calls = own.stages("train")[0].calls
    return [f"{call.layer} {call.direction}" for call in calls if "+" in call.layer]


CONV: Any = {"conv2d": {"out_channels": 2, "kernel_size": 3, "padding": 1}}
POOL: Any = {"max_pool2d": {"kernel_size": 2}}


@pytest.mark.parametrize(
    ("layers", "wanted"),
    [
        ([CONV, "relu", POOL], ["1+2 forward", "1+2 grad_input"]),
        ([CONV, {"sequential": ["sigmoid", POOL]}], ["1.0+1.1 forward", "1.0+1.1 grad_input"]),
        (["tanh", POOL, CONV], ["0+1 forward"]),
        ([CONV, POOL, "relu"], []),
        ([CONV, {"leaky_relu": {"negative_slope": 0.5}}, POOL], ["1+2 forward", "1+2 grad_input"]),
        ([CONV, "gelu", {"avg_pool2d": {"kernel_size": 2}}], ["1+2 forward", "1+2 grad_input"]),
        ([CONV, "relu", "tanh", POOL], ["2+3 forward", "2+3 grad_input"]),
        ([CONV, "relu", {"max_pool2d": {"kernel_size": 5}}], []),  # 12 is no multiple of 5
        ([CONV, "relu", {"max_pool2d": {"kernel_size": 2, "stride": 1}}], []),
        ([CONV, "relu", {"avg_pool2d": {"kernel_size": 2, "padding": 1}}], []),
        ([CONV, "relu", {"max_pool2d": {"kernel_size": 2, "dilation": 2}}], []),
        ([CONV, "relu", {"avg_pool2d": {"kernel_size": 2, "divisor_override": 3}}], ["1+2 forward", "1+2 grad_input"]),
    ],
    ids=str,
)
def test_pairs_are_found_and_change_no_bit(
    layers: list[Any], wanted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fused_layers(network(*layers)) == wanted
    random = np.random.default_rng(5)
    x, labels = random.standard_normal((37, 2, 12, 8)).astype("f4"), random.integers(0, 3, 37)
    found = []
    for one_by_one in (False, True):
        if one_by_one:
            monkeypatch.setattr(worker, "fuse", list)
        engine = Engine(network(*layers), threads=2)
        losses = engine.train_step(x, labels, np.arange(37)).losses
        scores = engine.predict(x)
        found.append([a.tobytes() for a in (losses, engine.gradient, scores)])
        engine.close()
    assert found[0] == found[1]


def test_only_calls_of_direct_are_fused() -> None:
    """Another backend's kernels are called as they are, and those of a layer that has its own."""
    first, second = made_by_hand()
    assert [call.layer for call in fusion.fuse([first, second])] == ["a+p"]
    other = Call("a", "forward", lambda x, y, scratch: None, first.arrays, first.problem)
    for calls in ([other, second], [first._replace(problem=None), second], [first, second._replace(problem=None)]):
        assert fusion.fuse(calls) == calls


def made_by_hand(**arrays: np.ndarray) -> list[Call]:
    """relu and the pooling that reads its output; ``arrays`` take the place of x, y, pooled (what it reads) or z."""
    shape, relu = (2, 4, 4), ElementwiseProblem("relu", 32)
    pool = Pool2dProblem("max_pool2d", *shape, (2, 2), (2, 2))
    x, y = (arrays.get(name, np.zeros((32, LANES), np.float32)) for name in "xy")
    pooled = arrays.get("pooled", y.reshape(*shape, LANES))
    z, scratch = arrays.get("z", np.zeros((2, 2, 2, LANES), np.float32)), np.zeros(0, np.float32)
    first, second = backend("relu").build(relu), backend("max_pool2d").build(pool)
    return [
        Call("a", "forward", first.forward, (x, y, scratch), relu),
        Call("p", "forward", second.forward, (pooled, z, scratch), pool),
    ]


def test_calls_are_matched_on_memory() -> None:
    """The same memory in another shape is the same; other memory is not, nor a part of it; overlaps are left alone."""
    room, image = np.zeros((64, LANES), np.float32), (2, 4, 4, LANES)
    assert len(fusion.fuse(made_by_hand(y=room[:32], pooled=room[:32].reshape(image)))) == 1
    assert len(fusion.fuse(made_by_hand(y=room[:32], pooled=room[:32].T.copy().T.reshape(image)))) == 2
    assert len(fusion.fuse(made_by_hand(y=room[:32], pooled=room[32:].reshape(image)))) == 2
    assert len(fusion.fuse(made_by_hand(y=room[:32], pooled=room[1:33].reshape(image)))) == 2
    assert len(fusion.fuse(made_by_hand(x=room[:32], y=room[:32]))) == 2  # in place: x is changed, whoever reads it
    assert len(fusion.fuse(made_by_hand(x=room[:32], z=room[24:32].reshape(2, 2, 2, LANES)))) == 2


@pytest.mark.parametrize("held", ["array", "part", "tuple", "attribute"])
def test_an_activation_is_kept_for_whoever_else_has_it(held: str) -> None:
    first, second = made_by_hand()
    y = first.arrays[1]
    arrays: Any = {"array": (y,), "part": (y[3:5, 2:],), "tuple": ((1, (y, y)),), "attribute": ()}[held]
    made: Any = KernelWithAttributes(print, (y,)) if held == "attribute" else print
    reader = Call("own", "forward", made, arrays)
    for calls, keep in (([first, second], 0), ([first, second, reader], 1), ([reader, first, second], 1)):
        pair = next(call for call in fusion.fuse(calls) if call.layer == "a+p")
        assert isinstance(pair.kernel, KernelWithAttributes)
        assert pair.kernel.attributes[0][-1] == keep
    apart = [first, reader, second]
    assert fusion.fuse(apart) == apart


BRANCHES = """\
from nbcnn.layers.activation import ReLU
from nbcnn.plugin import LAYERS, Bound, Call, ElementwiseProblem, Layer, LayerConfig, Parameter, register


def flat(pack):
    return pack.reshape(-1, 16)


def join(one, two, y):
    y[: len(one)], y[len(one) :] = one, two


def part(dy, one, two):
    one[:], two[:] = dy[: len(one)], dy[len(one) :]


def add(one, two, dx):
    dx[:] = one + two


class Pair(Layer):
    "An activation and a pooling, the only layers in it, with calls of its own beside theirs."

    Config = LayerConfig

    def infer(self):
        named = {"relu": {}, "max_pool2d": {"kernel_size": (2, 2)}}
        made = [(LAYERS.get(kind), kind, arguments) for kind, arguments in named.items()]
        self.relu, self.pool = (
            layer(kind, layer.Config(**arguments), self.in_shape, f"{self.path}.{kind}") for layer, kind, arguments in made
        )
        return self.result()

    @property
    def children(self):
        return (self.relu, self.pool)


@register.layer("branches")
class Branches(Pair):
    "relu(x) and max_pool2d(x): two branches of one input, joined."

    def result(self):
        return (5 * self.in_shape[0] * self.in_shape[1] * self.in_shape[2] // 4,)

    def bind(self, buffers, x, dx, training):
        first, second = (buffers.pack(self.in_shape) for _ in range(2))
        relu, pool = self.relu.bind(buffers, x, first, training), self.pool.bind(buffers, x, second, training)
        y = buffers.pack(self.out_shape)
        bound = Bound(y, None, [*relu.forward, *pool.forward, Call(self.path, "join", join, (flat(relu.y), flat(pool.y), y))])
        if training:
            bound.dy = buffers.pack(self.out_shape)
            parts = Call(self.path, "part", part, (bound.dy, flat(relu.dy), flat(pool.dy)))
            bound.backward = [parts, *pool.backward, *relu.backward, Call(self.path, "add", add, (first, second, dx))]
        return bound


@register.layer("read_twice")
class ReadTwice(Branches):
    "max_pool2d(relu(x)) and relu(x): the activation has two readers, and is part of the output."

    def bind(self, buffers, x, dx, training):
        more = buffers.pack(self.in_shape)
        relu = self.relu.bind(buffers, x, dx, training)
        pool = self.pool.bind(buffers, relu.y, more, training)
        y = buffers.pack(self.out_shape)
        bound = Bound(y, None, [*relu.forward, *pool.forward, Call(self.path, "join", join, (flat(relu.y), flat(pool.y), y))])
        if training:
            bound.dy = buffers.pack(self.out_shape)
            parts = Call(self.path, "part", part, (bound.dy, flat(relu.dy), flat(pool.dy)))
            bound.backward = [parts, *pool.backward, Call(self.path, "add", add, (relu.dy, more, relu.dy)), *relu.backward]
        return bound


def shift(y, b, shifted):
    shifted[:] = y + b[0]


def shift_gradient(dy, db):
    db[0] = dy.sum()


@register.layer("shifted")
class Shifted(Pair):
    "max_pool2d(relu(x) - 1 + b): going back, the pooling's gradient is the activation's and also b's."

    def result(self):
        return self.pool.out_shape

    def parameters(self):
        return {"bias": Parameter((1,), 9, 1)}

    def bind(self, buffers, x, dx, training):
        relu, between = self.relu.bind(buffers, x, dx, training), buffers.pack(self.in_shape)
        pool = self.pool.bind(buffers, between, relu.dy, training)
        shifting = Call(self.path, "forward", shift, (relu.y, buffers.parameter(f"{self.path}.bias"), between))
        bound = Bound(pool.y, pool.dy, [*relu.forward, shifting, *pool.forward])
        if training:
            own = Call(self.path, "grad_weight", shift_gradient, (relu.dy, buffers.gradient(f"{self.path}.bias")))
            bound.backward = [*pool.backward, *relu.backward, own]
        return bound


def twice(x, y, scratch):
    y[:] = 2 * x


def twice_gradient(x, y, dy, dx, scratch):
    dx[:] = 2 * dy


@register.layer("own_kernels")
class OwnKernels(ReLU):
    "2x: it says that it is a relu, and calls kernels of its own."

    @property
    def problem(self):
        return ElementwiseProblem("relu", 2 * 12 * 8)

    def bind(self, buffers, x, dx, training):
        bound = ReLU.bind(self, buffers, x, dx, training)
        bound.forward = [call._replace(kernel=twice) for call in bound.forward]
        bound.backward = [call._replace(kernel=twice_gradient) for call in bound.backward]
        return bound
"""


@pytest.mark.parametrize(
    ("layers", "wanted"),
    [
        ([CONV, "branches"], []),
        ([CONV, "read_twice"], ["1.relu+1.max_pool2d forward"]),
        ([CONV, "shifted"], []),
        ([CONV, "own_kernels", POOL], []),
    ],
    ids=str,
)
def test_a_plugins_layer_with_branches_computes_what_its_calls_say(
    layers: list[Any], wanted: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Predictions, losses and gradients are those of the calls one by one, and gradients those of differences."""
    load_plugin(write(folder / "mine.py", BRANCHES))
    assert fused_layers(network(*layers)) == wanted
    random = np.random.default_rng(6)
    x, labels, order = random.standard_normal((20, 2, 12, 8)), random.integers(0, 3, 20), np.arange(20)
    found, loss = [], lambda engine: engine.evaluate(x, labels, order).losses.mean()
    for one_by_one in (False, True):
        if one_by_one:
            monkeypatch.setattr(worker, "fuse", list)
        with closing(Engine(network(*layers, dtype="float64"), threads=1)) as engine:
            scores, losses = engine.predict(x), engine.train_step(x, labels, order).losses
            found.append([a.tobytes() for a in (scores, losses, engine.gradient)])
            gradient, parameters = engine.gradient.copy(), engine.network.parameters
            for place in random.choice(parameters.size, 12, replace=False):
                kept, sides = parameters[place], []
                for step in (1e-6, -1e-6):
                    parameters[place] = kept + step
                    sides.append(loss(engine))
                parameters[place] = kept
                assert (sides[0] - sides[1]) / 2e-6 == pytest.approx(gradient[place], rel=1e-5, abs=1e-9)
    assert found[0] == found[1]
