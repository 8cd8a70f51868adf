"""Configs: what loads, from where, with which defaults; and that it can be written back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from configs import EVERYTHING, TINY, written
from pydantic import ValidationError

from nbcnn.config import Overrides, find_model, load_config, model_names
from nbcnn.config import loader as loader_module
from nbcnn.config.writer import to_yaml
from nbcnn.config.yaml_tree import read_value
from nbcnn.errors import ConfigError
from nbcnn.layers import LAYERS
from nbcnn.layers.entries import kind_of


def test_every_key_is_read(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, EVERYTHING))
    assert config.name == "everything"
    assert config.input.shape == (3, 16, 12)
    assert [kind_of(layer) for layer in config.layers] == [
        "conv2d", "relu", "sequential", "max_pool2d", "flatten", "linear",
    ]  # fmt: skip
    assert config.layers[0].model_dump()["padding"] == (2, 0)
    assert config.data.model_dump() == {
        "name": None,
        "folder": str(tmp_path / "images"),
        "size": (16, 12),
        "grayscale": False,
        "white_level": 4095,
        "data_dir": str(tmp_path / "cache"),
        "mean": (0.5, 0.25, 0.001),
        "std": (1.0,),
        "validation": 0.25,
    }
    train = config.train
    assert (train.epochs, train.batch_size, train.init, train.seed) == (3, 32, "kaiming_uniform", 7)
    assert (train.threads, train.shuffle) == (2, False)
    assert train.optimizer.name == "adamw"
    assert train.optimizer.config.model_dump() == {
        "lr": 1e-8, "betas": (0.5, 0.75), "eps": 1e-8, "weight_decay": 0.01,
    }  # fmt: skip


def test_mean_and_std_may_be_one_number(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, TINY + "data: {mean: 0.286, std: 2}"))
    assert (config.data.mean, config.data.std) == ((0.286,), (2.0,))
    assert load_config(config.to_mapping()) == config


@pytest.mark.parametrize("more", ["", "data:\ntrain:\nbackends:\n", "data: {name: null, folder: ~}\ntrain: {}\n"])
def test_everything_else_has_a_default(more: str, tmp_path: Path) -> None:
    mapping = load_config(written(tmp_path, TINY + more)).to_mapping()
    assert mapping == {
        "name": "tiny",
        "input": {"channels": 3, "height": 8, "width": 8},
        "layers": [{"flatten": {}}, {"linear": {"out_features": 2, "bias": True, "backend": "direct"}}],
        "backends": {},
        "data": {
            "name": "fashion-mnist-mini",
            "folder": None,
            "size": None,
            "grayscale": False,
            "white_level": None,
            "data_dir": None,
            "mean": [0.0],
            "std": [1.0],
            "validation": None,
        },
        "train": {
            "epochs": 10,
            "batch_size": 64,
            "optimizer": {
                "sgd": {"lr": 0.1, "momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False}
            },
            "init": "default",
            "weight_decay_on": "all",
            "schedule": {"constant": {}},
            "warmup": None,
            "clip_grad_norm": None,
            "label_smoothing": 0.0,
            "class_weights": None,
            "ema": None,
            "early_stopping": None,
            "seed": 0,
            "threads": None,
            "executor": "threads",
            "shuffle": True,
            "checkpoint_every": None,
            "augment": {
                "random_crop": {"padding": 0, "padding_mode": "constant"},
                "random_horizontal_flip": {"p": 0.0, "mode": "random"},
                "random_affine": None,
                "random_erasing": None,
                "mixup": None,
            },
        },
    }


def test_yaml_written_back_loads_to_the_same(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, EVERYTHING))
    again = load_config(written(tmp_path, config.to_yaml(), "again.yaml"))
    assert again == config == load_config(config.to_mapping())
    assert hash(again) == hash(config)
    assert again.to_yaml() == config.to_yaml()
    other = load_config(written(tmp_path, EVERYTHING.replace("  - relu", "  - sigmoid"), "other.yaml"))
    assert other != config, "relu and sigmoid have configs of one class"


def test_written_yaml_has_a_line_for_each_layer(tmp_path: Path) -> None:
    lines = load_config(written(tmp_path, EVERYTHING)).to_yaml().splitlines()
    assert lines[:4] == [
        "name: everything",
        "input: {channels: 3, height: 16, width: 12}",
        "layers:",
        next(line for line in lines if line.startswith("  - conv2d: {out_channels: 6, kernel_size: ")),
    ]
    assert "  - relu: {backend: direct}" in lines
    assert "  - sequential:" in lines
    assert "        - sequential:" in lines
    assert "              - sigmoid: {backend: direct}" in lines
    assert "  - flatten" in lines
    assert "  optimizer: {adamw: {lr: 1e-08, betas: [0.5, 0.75], eps: 1e-08, weight_decay: 0.01}}" in lines


@pytest.mark.parametrize(
    "folder",
    [
        "yes",
        "a: b",
        "1e-3",
        "#x",
        "ü 🙂",
        "line\nbreak",
        "null",
        "trailing ",
        "True",
        "'",
        '"',
        "\\",
        "\u2028",
        "\x7f",
    ],
)
def test_any_text_survives_the_round_trip(folder: str, tmp_path: Path) -> None:
    assert read_value(to_yaml({"a": folder}), "x") == {"a": folder}
    data = {"folder": f"{tmp_path}/{folder}", "data_dir": folder}
    config = load_config(
        {"name": "1e3", "input": {"channels": 1, "height": 1, "width": 1}, "layers": ["relu"], "data": data}
    )
    again = load_config(written(tmp_path, config.to_yaml()))
    assert (again.data.folder, again.name) == (f"{tmp_path}/{folder}", "1e3")
    assert again == config


@pytest.mark.parametrize("name", model_names())
def test_shipped_models_load_by_name_from_anywhere(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = load_config(name)
    assert config.name == name
    assert load_config(written(tmp_path, config.to_yaml())) == config


def test_models_inside_the_package_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package, beside = tmp_path / "site" / "nbcnn", tmp_path / "site" / "models"
    beside.mkdir(parents=True)
    written(beside, TINY, "working-copy.yaml")
    (package / "config").mkdir(parents=True)
    monkeypatch.setattr(loader_module, "__file__", str(package / "config" / "loader.py"))
    assert model_names() == ["working-copy"]
    (package / "models").mkdir()
    written(package / "models", TINY, "installed.yaml")
    assert model_names() == ["installed"]
    assert find_model("installed") == package / "models" / "installed.yaml"


def test_a_run_folder_stands_for_its_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, TINY, "config.yaml")
    assert find_model(tmp_path) == tmp_path / "config.yaml"
    assert load_config(str(tmp_path)).name == "tiny"
    monkeypatch.chdir(tmp_path.parent)
    assert load_config(tmp_path.name).name == "tiny"


def test_layers_know_their_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = load_config(written(tmp_path, EVERYTHING), Overrides(sets=("layers.4=flatten",)))
    nested: tuple[Any, ...] = getattr(config.layers[2], "layers")  # noqa: B009
    assert config.layers[0].where == "x.yaml:4:5: layers[0].conv2d"
    assert config.layers[1].where == "x.yaml:5:5: layers[1].relu"
    assert nested[0].where == "x.yaml:7:7: layers[2].sequential[0].conv2d"
    assert nested[1].layers[0].where == "x.yaml:10:29: layers[2].sequential[1].sequential.layers[0].sigmoid"
    assert config.layers[4].where == "--set layers.4=flatten: layers[4].flatten"
    assert load_config({**config.to_mapping()}).layers[3].where == "layers[3].max_pool2d"


def test_layer_configs_made_in_python_are_taken() -> None:
    linear = LAYERS.get("linear").Config(out_features=2)  # type: ignore[call-arg]
    base = {"name": "x", "input": {"channels": 1, "height": 1, "width": 1}}
    config = load_config({**base, "layers": ["flatten", linear]})
    assert config.layers[1].where == "layers[1].linear"
    assert linear.where == ""
    relu = LAYERS.get("relu").Config()
    with pytest.raises(
        ConfigError, match=r"^layers\[0\]: ActivationConfig made in Python could be of 5 layers \(hardswish, relu"
    ):
        load_config({**base, "layers": [relu]})


def test_configs_are_frozen(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, TINY))
    with pytest.raises(ValidationError, match="frozen"):
        config.train.epochs = 5
