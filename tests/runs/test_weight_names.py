"""Weights under other names or with other axes: the message says which is which, and its line of Python mends it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nbcnn
from nbcnn.errors import CheckpointError
from nbcnn.runs.checkpoint import load_weights, match_tensors, save_tensors

Tensors = dict[str, np.ndarray]

# Two convolutions, a linear layer behind flatten and two more, as LeNet has them; two shapes are alike, one is square.
SHAPES = {
    "0.weight": (4, 1, 3, 3), "0.bias": (4,),
    "3.weight": (5, 4, 3, 3), "3.bias": (5,),
    "7.weight": (8, 20), "7.bias": (8,),
    "9.weight": (8, 8), "9.bias": (8,),
    "11.weight": (3, 8), "11.bias": (3,),
}  # fmt: skip
LAYERS = {"0": "conv1", "3": "conv2", "7": "fc1", "9": "fc2", "11": "fc3"}


def weights() -> Tensors:
    random = np.random.default_rng(0)
    return {name: random.standard_normal(shape).astype(np.float32) for name, shape in SHAPES.items()}


def named(tensors: Tensors, weight: str = ".weight", bias: str = ".bias") -> Tensors:
    """The same tensors under the names that people give their layers."""
    ends = {"weight": weight, "bias": bias}
    return {LAYERS[name.split(".")[0]] + ends[name.split(".")[1]]: value for name, value in tensors.items()}


def keras(tensors: Tensors) -> Tensors:
    """The tensors as Keras holds them; its flatten puts the channels (5, of images 2×2) last."""
    there = {name: np.ascontiguousarray(np.transpose(value)) for name, value in tensors.items()}
    for name in ("0.weight", "3.weight"):
        there[name] = np.einsum("oihw->hwio", tensors[name]).copy()
    there["7.weight"] = np.einsum("ochw->hwco", tensors["7.weight"].reshape(8, 5, 2, 2)).reshape(20, 8).copy()
    return there


def told(found: Tensors, folder: Path | None) -> str:
    """The message that these tensors get, from a file in the folder or as a state dict."""
    if folder is None:
        with pytest.raises(CheckpointError) as caught:
            match_tensors(found, SHAPES, "state dict", in_python=True)
    else:
        save_tensors(folder / "w.safetensors", found, {})
        with pytest.raises(CheckpointError) as caught:
            load_weights(folder / "w.safetensors", SHAPES)
    return str(caught.value)


def mended(message: str, found: Tensors, folder: Path | None, monkeypatch: pytest.MonkeyPatch) -> Tensors:
    """What comes of the line that the message ends with."""
    line = message.splitlines()[-1].strip()
    if folder is None:
        place: dict[str, Any] = {"weights": found}
        exec(line, place)
        result: Tensors = place["weights"]
        return result
    monkeypatch.chdir(folder)
    exec(line)
    return load_weights(folder / "renamed.safetensors", SHAPES)[0]


FOREIGN = {
    "named": (named, r"its names are others; by shape and order conv1 is 0, conv2 is 3, fc1 is 7, fc2 is 9, fc3 is 11"),
    "two alike": (named, r"; 7\.bias, 9\.bias are of one shape and taken in their order, so check that"),
    "module.": (
        lambda tensors: {f"module.{name}": value for name, value in tensors.items()},
        r"its names have the prefix module\., as DataParallel writes them, and fit without it\. To mend it, in Python:",
    ),
    "_orig_mod.": (
        lambda tensors: {f"_orig_mod.{name}": value for name, value in tensors.items()},
        r"have the prefix _orig_mod\., as torch\.compile writes them,",
    ),
    "several": (
        lambda tensors: {f"_orig_mod.module.{name}": value for name, value in tensors.items()},
        r"have the prefix _orig_mod\.module\., as modules around it write them",
    ),
    "model. and more": (
        lambda tensors: {f"model.{name}": value for name, value in tensors.items()} | {"loss.weight": np.ones(3, "f")},
        r"have the prefix model\., as Lightning and other wrappers write them",
    ),
    "module.conv1": (
        lambda tensors: {f"module.{name}": value for name, value in named(tensors).items()},
        r"by shape and order module\.conv1 is 0, ",
    ),
    "deeper": (
        lambda tensors: {f"features.{name}": value for name, value in reversed(tensors.items())},
        r"have the prefix features\., as modules around it",
    ),
    "Keras": (
        lambda tensors: named(keras(tensors), "/kernel", "/bias"),
        r"conv1/kernel is 0\.weight, .*; axes are in another order, as Keras has them: 0\.weight is \(3, 3, 1, 4\) in the "
        r"(file|state dict) and \(4, 1, 3, 3\) in the network",
    ),
    "Keras under our names": (keras, r"network: axes are in another order, as Keras has them: 0\.weight is \(3, 3, 1, 4\)"),
    "dense transposed": (
        lambda tensors: {name: value.T.copy() if value.ndim == 2 else value for name, value in tensors.items()},
        r"network: axes are in another order: 7\.weight is \(20, 8\) in the (file|state dict) and \(8, 20\) in the network",
    ),
}  # fmt: skip


@pytest.mark.parametrize("in_file", [True, False], ids=["file", "state dict"])
@pytest.mark.parametrize("kind", FOREIGN)
def test_the_line_that_is_told_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, in_file: bool
) -> None:
    make, sentence = FOREIGN[kind]
    folder, found = tmp_path if in_file else None, make(weights())
    message = told(found, folder)
    assert re.search(sentence, message), message
    assert message.startswith(f"{tmp_path / 'w.safetensors' if in_file else 'state dict'} does not fit this network: ")
    result = mended(message, found, folder, monkeypatch)
    assert set(result) == set(SHAPES)
    for name, value in weights().items():
        assert np.array_equal(result[name], value), name


def test_a_file_has_no_order_but_that_of_its_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = {f"{k}.weight": (2, 2) for k in range(12)}
    found = {f"block{k}.weight": np.full((2, 2), k, np.float32) for k in range(12)}
    save_tensors(tmp_path / "w.safetensors", dict(sorted(found.items())), {})
    with pytest.raises(
        CheckpointError, match=r"block10 is 10, block11 is 11; 0\.weight, .* \.\.\. are of one shape"
    ) as caught:
        load_weights(tmp_path / "w.safetensors", shapes)
    monkeypatch.chdir(tmp_path)
    exec(str(caught.value).splitlines()[-1].strip())
    loaded, _ = load_weights("renamed.safetensors", shapes)
    assert [int(loaded[name][0, 0]) for name in shapes] == list(range(12))


def test_what_is_not_clear_is_not_guessed() -> None:
    found = named(weights())
    del found["fc2.weight"]  # two biases of 8, and one weight for two
    assert "conv1 is 0" not in told(found, None)
    assert "0.weight (4, 1, 3, 3) is missing from the state dict" in told(found, None)
    found = named(weights()) | {"ema": np.zeros((8, 20), np.float32)}
    assert "fc1 is 7" not in told(found, None)


def test_a_prefix_in_front_of_another_network(tmp_path: Path) -> None:
    found = {f"net.{name}": value for name, value in weights().items()}
    found["net.11.weight"] = np.zeros((9, 8), np.float32)
    assert re.search(
        r"prefix net\., as Lightning .*, and 11\.weight is \(9, 8\) there and \(3, 8\) in the network; use its own config$",
        told(found, tmp_path),
    )
    twice = found | {f"ema.{name}": value for name, value in weights().items()}
    assert r"(and another time ema.: choose)" in told(twice, None)


def test_a_bias_that_is_not_there_and_a_batch_norm_that_is() -> None:
    found = weights()
    del found["3.bias"]
    assert told(found, None).endswith(", or set bias: false for this layer, should it have none there")
    found = weights() | {"1.running_mean": np.zeros(4, np.float32), "1.num_batches_tracked": np.zeros((), np.int64)}
    assert "it is of a batch norm: add batch_norm2d to the layers, or fold it into the convolution" in told(found, None)


def test_so_many_tensors_get_no_line() -> None:
    shapes = {f"{k}.weight": (k + 1, 2) for k in range(70)}
    found = {f"block{k}.weight": np.zeros((k + 1, 2), np.float32) for k in range(70)}
    with pytest.raises(CheckpointError, match=r"block0 is 0, block1 is 1, .* and so on: rename its tensors$"):
        match_tensors(found, shapes, "w")


def test_names_out_of_files_command_no_terminal() -> None:
    found = {f"\x1b[2J{name}": value for name, value in named(weights()).items()}
    assert "\x1b" not in told(found, None) and r"\u001b[2Jconv1 is 0" in told(found, None)


def test_a_network_tells_it_too() -> None:
    net = nbcnn.load("lenet-relu")
    before = net.parameters.copy()
    with pytest.raises(
        CheckpointError, match=r"^state dict does not fit this network: its names have the prefix net\."
    ):
        net.load_state_dict({f"net.{name}": value + 1 for name, value in net.state_dict().items()})
    assert np.array_equal(net.parameters, before)
