"""``nbcnn expand``: what it prints is the network, and trains to the same bits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from nbcnn.cli import main
from nbcnn.config import load_config, model_names
from nbcnn.data import write_idx
from nbcnn.introspect.expand import expand
from nbcnn.layers.base import LAYERS, LayerConfig
from nbcnn.layers.composite import Sequential, SequentialConfig

YAML = """\
name: blocky
input: {channels: 1, height: 10, width: 12}
blocks:
  conv_act:
    parameters: {channels: , act: tanh}
    layers:
      - conv2d: {out_channels: $channels, kernel_size: 3}
      - $act
  pair: {parameters: {width: 2}, layers: [conv_act: {channels: $width}, conv_act: {channels: $width, act: relu}]}
layers:
  - pair
  - max_pool2d: {kernel_size: 2}
  - sequential: [conv_act: {channels: 3}]
  - flatten
  - linear: {out_features: 2}
data: {folder: images, mean: 0.5}
train: {epochs: 2, batch_size: 16, optimizer: {adam: {lr: 0.02}}}
"""

EXPANDED = """\
name: blocky
input: {channels: 1, height: 10, width: 12}  # (1, 10, 12)
layers:
  - sequential:  # (2, 6, 8)
      layers:
        - sequential:  # (2, 8, 10)
            layers:
              - conv2d: {out_channels: 2, kernel_size: [3, 3], CONV}  # (2, 8, 10)
              - tanh: {backend: direct}  # (2, 8, 10)
        - sequential:  # (2, 6, 8)
            layers:
              - conv2d: {out_channels: 2, kernel_size: [3, 3], CONV}  # (2, 6, 8)
              - relu: {backend: direct}  # (2, 6, 8)
  - max_pool2d: {kernel_size: [2, 2], POOL}  # (2, 3, 4)
  - sequential:  # (3, 1, 2)
      layers:
        - sequential:  # (3, 1, 2)
            layers:
              - conv2d: {out_channels: 3, kernel_size: [3, 3], CONV}  # (3, 1, 2)
              - tanh: {backend: direct}  # (3, 1, 2)
  - flatten  # (6,)
  - linear: {out_features: 2, bias: true, backend: direct}  # (2,)
backends: {}
""".replace(
    "CONV", "stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1, bias: true, backend: direct"
).replace("POOL", "stride: null, padding: [0, 0], dilation: [1, 1], ceil_mode: false, backend: direct")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of blocks, beside its images."""
    folder, rng = tmp_path_factory.mktemp("expand"), np.random.default_rng(0)
    (folder / "images").mkdir()
    for prefix, count in (("train", 40), ("t10k", 10)):
        write_idx(
            folder / "images" / f"{prefix}-images-idx3-ubyte.gz", rng.integers(0, 256, (count, 10, 12), dtype=np.uint8)
        )
        write_idx(folder / "images" / f"{prefix}-labels-idx1-ubyte.gz", rng.integers(0, 2, count).astype(np.uint8))
    (folder / "blocky.yaml").write_text(YAML)
    return folder / "blocky.yaml"


def printed(capsys: pytest.CaptureFixture[str], *words: object, code: int = 0) -> str:
    """What ``nbcnn`` prints with these words; its errors where ``code`` is one."""
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    output = capsys.readouterr()
    assert stop.value.code == code, output.err
    return output.err if code else output.out


def test_blocks_are_written_out_with_shapes(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "expand", model)
    assert text.startswith(EXPANDED)
    assert "\ntrain:\n  epochs: 2\n" in text
    assert f"folder: {model.parent / 'images'}" in text


def test_options_count(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sets = ("--set", "blocks.pair.parameters.width=5", "--set", "layers.2.sequential.0.conv_act.act=sigmoid")
    text = printed(capsys, "expand", model, *sets, "--backend", "conv2d=naive")
    assert text.count("out_channels: 5") == 2
    assert "- sigmoid: {backend: direct}  # (3, 1, 2)" in text
    assert text.count("backend: naive}  # (") == 3


@pytest.mark.usefixtures("no_pictures")
def test_what_is_printed_trains_to_the_same_bits(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plain.yaml").write_text(printed(capsys, "expand", model))
    assert load_config("plain.yaml") == load_config(model)
    assert printed(capsys, "expand", "plain.yaml") == Path("plain.yaml").read_text()
    printed(capsys, "train", model, "--out", "blocks")
    printed(capsys, "train", "plain.yaml", "--out", "plain")
    assert Path("blocks/last.safetensors").read_bytes() == Path("plain/last.safetensors").read_bytes()
    assert {"0.0.0.weight", "0.1.0.bias", "2.0.0.weight"} <= set(load_file("blocks/last.safetensors"))
    for config in (Path("blocks/config.yaml").read_text(), printed(capsys, "expand", "blocks")):
        assert "blocks:" not in config
        assert "$" not in config
    again = printed(capsys, "train", "blocks", "--out", "again")
    assert "blocky" in again
    assert Path("again/last.safetensors").read_bytes() == Path("blocks/last.safetensors").read_bytes()


@pytest.mark.parametrize("name", model_names())
def test_shipped_models_are_what_they_were(name: str) -> None:
    config = load_config(name)
    lines = expand(config).splitlines()
    assert [line.split("  # ")[0] for line in lines] == config.to_yaml().splitlines()
    layers = [line for line in lines if (found := re.match(r" *(?:- )+(\w+)", line)) and found[1] in LAYERS]
    assert len(layers) >= len(config.layers)
    assert ["  # (" in line for line in layers] == [True] * len(layers)
    assert sum("  # (" in line for line in lines) == 1 + len(layers)


def test_a_shape_that_does_not_fit_is_told_where_the_file_has_it(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(YAML.replace("- max_pool2d: {kernel_size: 2}", "- pair\n  - pair"))
    told = printed(capsys, "expand", file, code=2)
    where = f"{file}:7:9 (used at {file}:9:43: blocks.pair.layers[0], which is used at {file}:13:5: layers[2])"
    assert told.startswith(f"error: {where}: blocks.conv_act.layers[0].conv2d: a kernel of height 3 does not fit")


# A layer that stands for others.


class TwiceConfig(SequentialConfig):
    """Layers that come two times, one after the other."""

    def expanded(self) -> LayerConfig:
        return SequentialConfig(layers=self.layers + self.layers)


class Twice(Sequential):
    """The layers of ``expanded``."""

    Config = TwiceConfig

    def infer(self) -> tuple[int, ...]:
        self.config = self.config.expanded()  # type: ignore[assignment]
        return super().infer()


@pytest.fixture
def twice() -> Iterator[None]:
    LAYERS.register("twice")(Twice)
    yield
    LAYERS._things.pop("twice")
    LAYERS._files.pop("twice", None)
    LAYERS._added.discard("twice")


@pytest.mark.usefixtures("twice")
def test_layers_that_stand_for_others_are_written_out_each_with_its_own_shape(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("""\
name: x
input: {channels: 1, height: 20, width: 20}
blocks: {shrink: {layers: [max_pool2d: {kernel_size: 2}]}}
layers: [twice: [shrink], sequential: [twice: [twice: [flatten, relu]]]]
""")
    text = expand(load_config(tmp_path / "x.yaml"))
    layers = [
        (line.index("-"), line.split("- ")[1].split(":")[0].split()[0], line.split("# ")[1])
        for line in text.splitlines()
        if line.strip().startswith("- ")
    ]
    assert layers == [
        (2, "sequential", "(1, 5, 5)"),
        (8, "sequential", "(1, 10, 10)"), (14, "max_pool2d", "(1, 10, 10)"),
        (8, "sequential", "(1, 5, 5)"), (14, "max_pool2d", "(1, 5, 5)"),
        (2, "sequential", "(25,)"),
        (8, "sequential", "(25,)"),
        *[(14, "sequential", "(25,)"), *[(20, "flatten", "(25,)"), (20, "relu", "(25,)")] * 2] * 2,
    ]  # fmt: skip
    assert "twice" not in text
