"""What weights know of their training: written, read back, and refused where it is damaged."""

from __future__ import annotations

import json
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nbcnn
from nbcnn.config import Overrides
from nbcnn.data.picture import PictureSettings
from nbcnn.engine.weights_metadata import KEY, WeightsMetadata, read_metadata
from nbcnn.errors import CheckpointError
from nbcnn.runs.checkpoint import load_tensors, save_tensors
from nbcnn.training.model import Model

NET: dict[str, Any] = {
    "name": "tiny",
    "input": {"channels": 1, "height": 4, "width": 4},
    "layers": ["flatten", {"linear": {"out_features": 2}}],
}
FACTS = WeightsMetadata(("ä", "b"), (0.1,), (0.3,), (4, 4), True, PictureSettings(True, None, 4095))


def saved(path: Path, facts: WeightsMetadata | dict[str, Any] | str | None = FACTS) -> Path:
    """NET's weights with these facts, or with this JSON or text in their place."""
    network = nbcnn.load(NET)
    text = facts if isinstance(facts, str) else json.dumps(facts) if isinstance(facts, dict) else None
    metadata = facts.to_metadata() if isinstance(facts, WeightsMetadata) else {} if text is None else {KEY: text}
    save_tensors(path, network.tensors, {"epoch": "1", **metadata})
    return path


def test_they_come_back_and_the_bytes_are_the_same(tmp_path: Path) -> None:
    first, second = (saved(tmp_path / name) for name in "ab")
    assert first.read_bytes() == second.read_bytes()
    assert read_metadata(load_tensors(first)[1], "a") == FACTS


def test_other_programs_read_the_weights(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    found = load_file(saved(tmp_path / "w"))
    assert np.array_equal(found["1.weight"], nbcnn.load(NET).tensors["1.weight"])


def test_a_network_gets_them_with_its_weights(tmp_path: Path) -> None:
    path = saved(tmp_path / "w")
    with pytest.warns(
        RuntimeWarning, match=r"w was trained with data\.mean 0\.1 \(not 0\) and data\.std 0\.3 \(not 1\)"
    ):
        network = nbcnn.load(NET, weights=path)
    assert network.classes == ("ä", "b") and network.reading == FACTS.reading
    assert (network.config.data.mean, network.config.data.std) == ((0.1,), (0.3,))
    x = np.full((1, 1, 4, 4), 51, np.uint8)
    assert np.allclose(network.scores(x), network(np.full((1, 1, 4, 4), (0.2 - 0.1) / 0.3, np.float32)), atol=1e-6)


def test_what_somebody_asks_for_goes_first(tmp_path: Path) -> None:
    path = saved(tmp_path / "w")
    with pytest.warns(RuntimeWarning, match=r"with data\.std 0\.3 \(not 1\) of the config: its own are used$"):
        network = nbcnn.load(NET, weights=path, overrides=Overrides(sets=("data.mean=0.25",)))
    assert network.config.data.mean == (0.25,) and network.config.data.std == (0.3,)


def test_a_folder_is_read_as_the_training_pictures_were(tmp_path: Path) -> None:
    config = {**NET, "data": {"folder": str(tmp_path), "mean": 0.1, "std": 0.3}}
    data = nbcnn.load(config, weights=saved(tmp_path / "w")).config.data
    assert (data.size, data.grayscale, data.white_level) == ((4, 4), True, 4095)
    mine = {**config, "data": {**config["data"], "size": [4, 4], "white_level": 1023}}
    assert nbcnn.load(mine, weights=tmp_path / "w").config.data.white_level == 1023


@pytest.mark.parametrize("metadata", [{}, {"format": "pt"}, {"classes": "cat,dog", "mean": "of what?", "std": "-1"}])
def test_weights_without_them_load_as_ever(tmp_path: Path, metadata: dict[str, str]) -> None:
    save_tensors(tmp_path / "w", nbcnn.load(NET).tensors, metadata)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network = nbcnn.load(NET, weights=tmp_path / "w")
    assert network.classes == () and network.reading is None


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ("{", r"w: its metadata can't be read \(.+\); restore the file or train again$"),
        ("[" * 100_000, r"w: its metadata can't be read \(.+\)"),
        ("7", r"w: its metadata can't be read \(they hold no mapping\)"),
        ("9" * 5000, r"w: its metadata can't be read"),
        ({"classes": "ab"}, r"w: its metadata: classes must be a list of printable names; restore the file or train"),
        ({"classes": [1]}, "classes must be a list of printable names"),
        ({"classes": ["\x1b[2J"]}, "classes must be a list of printable names"),
        ({"mean": []}, "mean must be a list of numbers"),
        ({"mean": [math.nan]}, "mean must be a list of numbers"),
        ({"mean": [True]}, "mean must be a list of numbers"),
        ({"mean": [10**400]}, "mean must be a list of numbers"),
        ({"std": [0]}, "std must be a list of numbers above 0"),
        ({"std": [math.inf]}, "std must be a list of numbers above 0"),
        ({"size": [4]}, "size must be null or two whole numbers above 0"),
        ({"size": [0, 4]}, "size must be null or two whole numbers above 0"),
        ({"grayscale": 1}, "grayscale must be true or false"),
        ({"pictures": None}, "pictures must be true or false"),
        ({"dark_background": "yes"}, "dark_background must be true, false or null"),
        ({"white_level": 0.5}, "white_level must be null or a whole number above 0"),
        ({"white_level": 10**12}, "white_level must be null or a whole number above 0"),
    ],
)
def test_damaged_ones_are_refused(tmp_path: Path, facts: dict[str, Any] | str, sentence: str) -> None:
    with pytest.raises(CheckpointError, match=sentence):
        nbcnn.load(NET, weights=saved(tmp_path / "w", facts))


def test_endless_ones_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nbcnn.engine.weights_metadata.LARGEST", 10)
    with pytest.raises(CheckpointError, match=r"w: its metadata are longer than 10 characters"):
        read_metadata({KEY: "[" * 11}, "w")


def test_keys_of_a_later_version_are_left_alone(tmp_path: Path) -> None:
    network = nbcnn.load(NET, weights=saved(tmp_path / "w", {"classes": ["a"], "colours": "later"}))
    assert network.classes == ("a",) and network.reading == PictureSettings()


def test_means_of_other_channels_are_left_to_the_weights(tmp_path: Path) -> None:
    """They are of another network; its shapes are refused before, where they differ."""
    network: Model = nbcnn.load(NET, weights=saved(tmp_path / "w", {"mean": [0.1, 0.2, 0.3]}))
    assert network.config.data.mean == (0.0,)
