"""Numbers of a config that float32 makes others of: refused, with their place and the nearest that works."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nbcnn
from nbcnn.config import Config, Overrides, load_config
from nbcnn.config.precision import LARGEST, SMALLEST, float32_flaw
from nbcnn.errors import ConfigError
from nbcnn.layers.base import LAYERS, Bound, Layer, LayerConfig
from nbcnn.optim import OPTIMIZERS

NET: dict[str, Any] = {
    "name": "net",
    "input": {"channels": 1, "height": 4, "width": 4},
    "layers": ["flatten", {"linear": {"out_features": 3}}],
}


def optimizer(name: str, **numbers: Any) -> dict[str, Any]:
    return {**NET, "train": {"optimizer": {name: {"lr": 0.01, **numbers}}}}


def refused(config: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as raised:
        load_config(config)
    return str(raised.value)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1e-46, "1e-46 is 0 or nearly so in float32, in which nbcnn computes; the smallest that works is 1.2e-38"),
        (1e-40, "1e-40 is 0 or nearly so in float32"),
        (1e-300, "1e-300 is 0 or nearly so in float32"),
        (1e39, r"1e+39 is infinite in float32, in which nbcnn computes; the largest that works is 3.4e+38"),
        (1e300, r"1e+300 is infinite in float32"),
    ],
)
def test_no_optimizer_takes_what_float32_can_not_hold(name: str, value: float, words: str) -> None:
    keys = ["lr", "weight_decay"] + (["eps"] if name != "sgd" else [])
    assert [refused(optimizer(name, **{key: value})) for key in keys] == [
        told for told in (refused(optimizer(name, **{key: value})) for key in keys) if words in told
    ]
    assert refused(optimizer(name, **{keys[-1]: value})).startswith(f"train.optimizer.{name}.{keys[-1]}: ")


@pytest.mark.parametrize(
    ("name", "key", "value", "place"),
    [
        ("sgd", "momentum", 0.99999999, "train.optimizer.sgd.momentum"),
        ("adam", "betas", [0.99999999, 0.9], "train.optimizer.adam.betas[0]"),
        ("adamw", "betas", [0.9, 1 - 1e-12], "train.optimizer.adamw.betas[1]"),
    ],
)
def test_what_rounds_to_1_is_not_below_1(name: str, key: str, value: Any, place: str) -> None:
    told = refused(optimizer(name, **{key: value}))
    assert told.startswith(f"{place}: 0.99999999")
    words = " is 1 in float32, in which nbcnn computes, but has to be below 1; the nearest that works is 0.99999994"
    assert told.endswith(words)
    nearest = 0.99999994
    assert np.float32(nearest) < 1
    load_config(optimizer(name, **{key: nearest if name == "sgd" else [nearest, nearest]}))


def test_the_last_that_work_are_taken() -> None:
    load_config(optimizer("adam", lr=1.2e-38, eps=1.2e-38, weight_decay=3.4e38, betas=[0.0, 1.2e-38]))
    load_config(optimizer("sgd", lr=3.4e38, momentum=0.0, weight_decay=0.0))
    assert np.float32(SMALLEST) == np.finfo("f4").tiny
    assert np.float32(LARGEST) == np.finfo("f4").max


def test_the_place_in_the_file_and_on_the_command_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(
        "name: a\ninput: {channels: 1, height: 4, width: 4}\nlayers: [flatten]\n"
        "data: {mean: [1e-300], std: 1e-39}\ntrain:\n  optimizer:\n    adam:\n      eps: 1e-46\n"
    )
    with pytest.raises(ConfigError) as raised:
        load_config(file, Overrides(sets=("train.optimizer.adam.lr=1e-50",)))
    lines = [line.partition(" is ")[0] for line in raised.value.problems]
    assert lines == [
        f"{file}:4:15: data.mean[0]: 1e-300",
        f"{file}:4:29: data.std: 1e-39",
        f"{file}:8:12: train.optimizer.adam.eps: 1e-46",
        "--set train.optimizer.adam.lr=1e-50: train.optimizer.adam.lr: 1e-50",
    ]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"std": 1e36}, "data.std: 1e+36 is too large: float32 has no number as small as a pixel divided by it"),
        ({"std": 1e-45}, "data.std: 1e-45 is 0 or nearly so in float32"),
        (
            {"mean": 1e20, "std": 1e-30},
            "data.mean: mean 1e+20 divided by std 1e-30 is larger than any float32 (3.4e+38)",
        ),
        ({"mean": 1e39}, "data.mean: 1e+39 is infinite in float32"),
    ],
)
def test_pixels_are_scaled_by_numbers_that_float32_has(data: dict[str, float], words: str) -> None:
    assert refused({**NET, "data": data}).startswith(words)
    load_config({**NET, "data": {"mean": 1e20, "std": 1e-10}})


def test_a_plugins_layer_is_held_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    class SlopedConfig(LayerConfig):
        slopes: tuple[float, ...] = (0.1,)

    class Sloped(Layer):
        """nothing"""

        Config = SlopedConfig

        def infer(self) -> tuple[int, ...]:
            return self.in_shape

        def bind(self, buffers: Any, x: Any, dx: Any, training: bool) -> Bound:
            return Bound(x, dx, [])

    monkeypatch.setitem(LAYERS._things, "sloped", Sloped)
    inside = {"sequential": [{"sloped": {"slopes": [0.1, 1e-200]}}]}
    told = refused({**NET, "layers": [inside, *NET["layers"]]})
    assert told.startswith("layers[0].sequential[0].sloped.slopes[1]: 1e-200 is 0 or nearly so")


def test_seconds_are_no_float32() -> None:
    assert load_config({**NET, "train": {"checkpoint_every": {"seconds": 1e300}}}).train.checkpoint_every is not None


def test_a_config_made_in_python_is_held_to_the_same() -> None:
    with pytest.raises(ValueError, match="1e-46 is 0 or nearly so in float32"):
        Config.model_validate(
            {**NET, "layers": ("flatten",), "train": {"optimizer": {"adam": {"eps": 1e-46}}}}, strict=True
        )


def test_bounds_on_either_side() -> None:
    above = float32_flaw(1 + 1e-12, {"exclusiveMinimum": 1})
    assert above == (
        "1.000000000001 is 1 in float32, in which nbcnn computes, but has to be above 1; the nearest that works is 1.0000001"
    )
    assert float32_flaw(0.5, {"exclusiveMinimum": 0, "exclusiveMaximum": 1}) is None
    assert float32_flaw(0.0, {"exclusiveMinimum": 0}) is None  # pydantic's to tell
    assert struct.unpack("<f", struct.pack("<f", 1.0000001))[0] > 1


def test_weights_whose_gradient_is_0_stay_finite() -> None:
    """With the smallest eps that is taken, 0 / (0 + eps) is 0."""
    net = nbcnn.load(optimizer("adam", eps=1.2e-38))
    chosen = net.config.train.optimizer
    weights = np.ones(32, np.float32)
    adam = OPTIMIZERS.get("adam")(chosen.config, weights.size)
    for _ in range(3):
        adam.step(weights, np.zeros(32, np.float32))
    assert (weights == 1).all()
