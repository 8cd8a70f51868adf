"""``repeat``: a body several times; names, places of errors, bounds, and the same bits as what it stands for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stripes import write_stripes

import nbcnn
from nbcnn.config import load_config
from nbcnn.errors import ConfigError, ShapeError
from nbcnn.introspect.expand import expand
from nbcnn.runs.checkpoint import load_tensors
from nbcnn.training.model import Model

CONV: dict[str, Any] = {"conv2d": {"out_channels": 2, "kernel_size": 3, "padding": "same"}}


def config(*layers: Any, **more: Any) -> dict[str, Any]:
    return {"name": "t", "input": {"channels": 2, "height": 12, "width": 12}, "layers": list(layers), **more}


def repeat(times: Any, *body: Any) -> dict[str, Any]:
    return {"repeat": {"times": times, "body": list(body)}}


def test_names_are_those_of_nested_sequentials_and_each_time_has_parameters_of_its_own() -> None:
    network = Model(load_config(config(repeat(2, CONV, "batch_norm2d"), "flatten")))
    assert [name for name in network.tensors if "running" not in name and "tracked" not in name] == [
        f"0.{time}.{layer}.{tensor}" for time in (0, 1) for layer in (0, 1) for tensor in ("weight", "bias")
    ]
    first, second = (network.tensors[f"0.{time}.0.weight"] for time in (0, 1))
    assert not np.may_share_memory(first, second)
    assert (first != second).all()


def test_it_computes_what_its_layers_do_one_after_the_other() -> None:
    network, plain = (
        Model(load_config(config(*layers)))
        for layers in ([repeat(3, CONV, "tanh")], [CONV, "tanh", CONV, "tanh", CONV, "tanh"])
    )
    plain.load_state_dict(dict(zip(plain.tensors, network.tensors.values(), strict=True)))
    x = np.random.default_rng(0).standard_normal((5, 2, 12, 12)).astype(np.float32)
    np.testing.assert_array_equal(network(x), plain(x))


def test_what_expand_prints_trains_to_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nbcnn.training.loop.draw_run", lambda *_: None)
    write_stripes(tmp_path / "stripes")
    body = [CONV, "batch_norm2d", "relu", {"dropout": {"p": 0.2}}]
    shown = config(
        {"residual": {"body": [repeat(2, *body)], "shortcut": [{"conv2d": {"out_channels": 2, "kernel_size": 1}}]}},
        repeat(2, repeat(1, {"max_pool2d": {"kernel_size": 2}})),
        "flatten",
        {"linear": {"out_features": 3}},
        data={"folder": str(tmp_path / "stripes")},
        train={"epochs": 1, "batch_size": 50},
    )
    shown["input"]["channels"] = 1
    (tmp_path / "plain.yaml").write_text(expand(load_config(shown)))
    assert "repeat" not in (tmp_path / "plain.yaml").read_text()
    runs = [nbcnn.train(source, out=tmp_path / str(k)) for k, source in enumerate((shown, tmp_path / "plain.yaml"))]
    assert "repeat" in (runs[0].folder / "config.yaml").read_text()
    found = [load_tensors(run.weights_path("last"))[0] for run in runs]
    assert found[0].keys() == found[1].keys()
    for name, tensor in found[0].items():
        assert tensor.tobytes() == found[1][name].tobytes(), name


def test_each_time_may_have_other_backends() -> None:
    """Inside every kind of layer that holds others: a chosen backend reaches the one layer that it is chosen for."""
    conv = {"conv2d": {**CONV["conv2d"], "backend": "auto"}}
    network = Model(
        load_config(
            config(
                repeat(2, conv),
                {"residual": {"body": [repeat(2, conv)]}},
                {"dense": [conv, {"sequential": [conv]}]},
                {"parallel": {"merge": "add", "branches": [[conv], [conv, "relu"]]}},
            )
        )
    )
    paths = [layer.path for layer in network.layers() if layer.op == "conv2d"]
    assert len(paths) == 8
    chosen = {path: ("naive", "im2col", "direct")[number % 3] for number, path in enumerate(paths)}
    network.choose_backends(chosen)
    assert {layer.path: layer.backend for layer in network.layers() if layer.op == "conv2d"} == chosen
    again = Model(load_config(network.config.to_mapping()))
    assert {layer.path: layer.backend for layer in again.layers() if layer.op == "conv2d"} == chosen


WRONG: list[tuple[Any, str]] = [
    (0, "times: expected a whole number from 1 to 1000, got 0"),
    (1001, "times: expected a whole number from 1 to 1000, got 1001"),
    (2.5, "times: expected a whole number from 1 to 1000, got 2.5"),
    (501, "expected fewer times: 501 · 2 layers are 1,002, and at most 1,000 are allowed"),
]


@pytest.mark.parametrize(("times", "words"), WRONG)
def test_a_count_that_cannot_be_is_refused(times: Any, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(config(repeat(times, CONV, "relu")))
    assert words in str(caught.value)
    assert str(caught.value).startswith("layers[0].repeat.times: ")


def test_repeats_in_a_repeat_count_for_all_they_stand_for() -> None:
    with pytest.raises(
        ConfigError, match=r"layers\[0\]\.repeat\.times: expected fewer times: 100 · 20 layers are 2,000"
    ):
        load_config(config(repeat(100, {"sequential": [repeat(20, "relu")]})))


def test_an_error_says_where_the_body_is_written(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("""\
name: x
input: {channels: 1, height: 9, width: 9}
layers:
  - repeat:
      times: 3
      body:
        - max_pool2d: {kernel_size: 2}
        - conv2d: {out_channels: 2, kernel_size: 3}
""")
    with pytest.raises(ShapeError) as caught:
        Model(load_config(file))
    where = f"{file}:8:11: layers[0].repeat.body[1].conv2d: "  # the second time has an image of 1 row
    assert str(caught.value).startswith(f"{where}a kernel of height 3 does not fit")
    file.write_text(file.read_text().replace("kernel_size: 3", "kernel_sise: 3"))
    with pytest.raises(
        ConfigError,
        match=r"x\.yaml:8:37: layers\[0\]\.repeat\.body\[1\]\.conv2d\.kernel_sise: unknown key 'kernel_sise'",
    ):
        load_config(file)
