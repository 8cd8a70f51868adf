"""What the tests of configs share: a small network, and a look at all that is wrong with one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nbcnn.config import Overrides, load_config
from nbcnn.errors import ConfigError

HEAD = "name: tiny\ninput: {channels: 3, height: 8, width: 8}\n"
TINY = HEAD + "layers: [flatten, linear: {out_features: 2}]\n"

EVERYTHING = """\
name: everything
input: {channels: 3, height: 16, width: 12}
layers:
  - conv2d: {out_channels: 6, kernel_size: 5, padding: [2, 0], bias: false, backend: naive}
  - relu
  - sequential:
    - conv2d:
        out_channels: 4
        kernel_size: [3, 1]
    - sequential: {layers: [sigmoid]}
  - max_pool2d: {kernel_size: 2}
  - flatten:
  - linear: {out_features: 10}
backends: {conv2d: direct}
data: {folder: images, size: [16, 12], grayscale: false, white_level: 4095, data_dir: cache, mean: [0.5, 0.25, 1e-3], std: [1], validation: 0.25}
train:
  epochs: 3
  batch_size: 32
  optimizer: {adamw: {lr: 1e-8, betas: [0.5, 0.75]}}
  init: kaiming_uniform
  seed: 7
  threads: 2
  shuffle: false
  augment: {random_crop: {padding: 3}, random_horizontal_flip: {p: 0.25}}
"""


def written(folder: Path, text: str, name: str = "x.yaml") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def problems(source: Path | dict[str, Any], overrides: Overrides | None = None) -> tuple[str, ...]:
    """What is wrong, each line without the folder of the file."""
    with pytest.raises(ConfigError) as caught:
        load_config(source, overrides or Overrides())
    assert str(caught.value) == "\n".join(caught.value.problems)
    folder = f"{source.parent}/" if isinstance(source, Path) else ""
    return tuple(line.removeprefix(folder) for line in caught.value.problems)


def cases(table: str) -> list[Any]:
    r"""Pairs of lines: what is given (``\n`` starts a new line), and the beginning of what is told of it."""
    lines = [line.strip() for line in table.strip().splitlines() if line.strip()]
    pairs = zip(lines[::2], lines[1::2], strict=True)
    return [pytest.param(given.replace("\\n", "\n"), told, id=given) for given, told in pairs]
