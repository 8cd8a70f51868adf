"""An activation and the pooling after it in one pass: the same bits, and only where both are what they are made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nbcnn.config import load_config
from nbcnn.conformance.guarded_arrays import GuardedArrays
from nbcnn.engine import fusion, worker
from nbcnn.engine.engine import Engine
from nbcnn.engine.fused_kernels import ACTIVATIONS, POOLING, fused, numbers, tiles
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.elementwise import ElementwiseProblem
from nbcnn.kernels.pooling import Pool2dProblem
from nbcnn.kernels.registry import backend
from nbcnn.training.model import Model


def odd(random: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Numbers with zeros of both signs, equal ones, infinities and NaN among them."""
    x = random.standard_normal(shape).astype(dtype)
    for value in (0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan):
        x[random.random(shape) < 0.03] = value
    return x


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("pooling", POOLING)
@pytest.mark.parametrize("window", [(2, 2), (1, 3), (3, 1)])
def test_both_in_one_give_the_bits_of_one_after_the_other(
    activation: str, pooling: str, window: tuple[int, int], dtype: str
) -> None:
    C, H, W = 2, 3 * window[0], 4 * window[1]
    pool = Pool2dProblem(pooling, C, H, W, window, window, dtype=dtype)
    assert tiles(pool)
    first = backend(activation).build(ElementwiseProblem(activation, C * H * W, dtype))
    second, both, scratch = backend(pooling).build(pool), fused(activation, pooling), np.zeros(0, dtype)
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
        both.forward(fence.input("x", x), kept, made, numbers(pool, keep=True))
        again = fence.output("z again", z.shape, dtype)
        both.forward(x, none, again, numbers(pool, keep=False))
        back = fence.output("dx", x.shape, dtype)
        both.grad_input(fence.input("y", y), fence.input("z", z), fence.input("dz", dz), back, numbers(pool, True))
    fence.check()
    assert np.all(none == 7)
    for name, got, wanted in (("y", kept, y), ("z", made, z), ("z", again, z), ("dx", back, dx)):
        same = (got.view(f"u{got.itemsize}") == wanted.view(f"u{got.itemsize}")) | (np.isnan(got) & np.isnan(wanted))
        assert same.all(), name


def network(*layers: Any) -> Model:
    shape = {"channels": 2, "height": 12, "width": 8}
    ends = ["flatten", {"linear": {"out_features": 3}}]
    return Model(load_config({"name": "f", "input": shape, "layers": [*layers, *ends]}))


def fused_layers(net: Model) -> list[str]:
    """Paths of the pairs in a training step's calls, and in those of a prediction."""
    engine, x = Engine(net, threads=1), np.zeros((1, 2, 12, 8), np.float32)
    engine.train_step(x, np.zeros(1, np.int64), np.arange(1))
    own = engine.workers[0]
    calls = own.calls("train", *own._given["train"])
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
            monkeypatch.setattr(worker, "fuse", lambda calls, layers, keep: list(calls))
        engine = Engine(network(*layers), threads=2)
        losses = engine.train_step(x, labels, np.arange(37)).losses
        scores = engine.predict(x)
        found.append([a.tobytes() for a in (losses, engine.gradient, scores)])
        engine.close()
    assert found[0] == found[1]


def test_only_what_is_direct_is_fused() -> None:
    """Another backend's kernels are called as they are."""
    net = network(CONV, "relu", POOL)
    relu, pool = list(net.layers())[1:3]
    assert len(list(fusion._pairs([relu, pool]))) == 1
    pool.config = pool.config.model_copy(update={"backend": "of_a_plugin"})
    assert not list(fusion._pairs([relu, pool]))
