"""The serial executor: what it does to a pack, call by call, and the engine held against it to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from exhaustive import parametrize
from stripes import TINY

import nbcnn
from nbcnn.cli import main
from nbcnn.config import Overrides, load_config, model_names
from nbcnn.engine.engine import Engine
from nbcnn.engine.network import layers_of, leaves
from nbcnn.engine.serial import SerialExecutor
from nbcnn.errors import ConfigError
from nbcnn.kernels import registry
from nbcnn.kernels.registry import backend_names
from nbcnn.runs.checkpoint import load_tensors
from nbcnn.training.model import Model

pytestmark = pytest.mark.jit  # LeNet as plain Python takes minutes


def model(name: str, backend: str = "direct") -> Model:
    return Model(load_config(name, Overrides(backends=(f"conv2d={backend}",))))


def pairs() -> Iterator[tuple[str, str]]:
    """Each model with each backend that can do all its convolutions."""
    for name in model_names():
        layers = leaves(layers_of(load_config(name)))
        convolutions = [layer.problem for layer in layers if layer.op == "conv2d"]
        for backend in backend_names("conv2d") if convolutions else ():
            if all(registry.backend("conv2d", backend).supports(problem) is None for problem in convolutions):
                yield name, backend


PAIRS = [*pairs()]


def quick(pair: tuple[str, str]) -> bool:
    """LeNet with every backend."""
    return pair[0] == "lenet"


@parametrize("name, backend", PAIRS, quick=quick)
def test_the_engine_gives_its_bits(name: str, backend: str) -> None:
    """For every model and backend: a short last pack, augmented images, three threads."""
    network, random = model(name, backend), np.random.default_rng(0)
    images = random.integers(0, 256, (75, *network.in_shape), np.uint8)
    labels, order = random.integers(0, 10, 75), random.permutation(75)
    augmentations = random.integers(0, 2, (75, 3))
    serial, engine = SerialExecutor(network), Engine(network, threads=3)
    try:
        for moved in (None, augmentations):
            expected, got = (executor.train_step(images, labels, order, moved) for executor in (serial, engine))
            assert expected.losses.tobytes() == got.losses.tobytes()
            assert expected.guesses.tobytes() == got.guesses.tobytes()
            assert np.abs(serial.gradient).max() > 0
            assert serial.gradient.tobytes() == engine.gradient.tobytes()
        expected, got = (executor.evaluate(images, labels, order) for executor in (serial, engine))
        assert expected.losses.tobytes() == got.losses.tobytes()
        for count in (1, 40):
            assert serial.predict(images[:count]).tobytes() == engine.predict(images[:count]).tobytes()
    finally:
        engine.close()


def test_a_pack_goes_through_every_layer_and_back() -> None:
    network = model("lenet")
    serial, images, labels = SerialExecutor(network), np.zeros((1, 1, 28, 28), np.uint8), np.zeros(1, np.int64)
    serial.train_step(images, labels, np.arange(1))
    assert serial.last is not None
    paths = [
        layer
        for layer, _ in serial.layers(
            "train", serial.new_batch(np.arange(1), serial.last.inputs), serial.last.inputs, serial.pack
        )
    ]
    layers = [layer.path for layer in network.layers() if layer.op]
    assert paths == ["batch", *layers, "loss", "loss", *reversed(layers)]


@pytest.mark.usefixtures("no_pictures")
def test_a_training_with_it_gives_the_same_weights(stripes: Path, tmp_path: Path) -> None:
    found = {}
    for executor in ("threads", "serial"):
        out = tmp_path / executor
        words = ["train", str(written(tmp_path)), "--data", str(stripes), "--epochs", "1", "--out", str(out)]
        with pytest.raises(SystemExit) as done:
            main([*words, "--executor", executor])
        assert done.value.code == 0
        assert load_config(out).train.executor == executor
        found[executor] = load_tensors(out / "last.safetensors")[0]
    for name, tensor in found["serial"].items():
        assert tensor.tobytes() == found["threads"][name].tobytes(), name


def test_it_has_one_thread() -> None:
    words = r"expected 1 or null, for executor: serial has one thread, got 2"
    with pytest.raises(ConfigError, match=words):
        load_config("lenet", Overrides(sets=("train.executor=serial", "train.threads=2")))
    with pytest.raises(ConfigError, match=r"train\.executor: expected one of threads, serial, got 'parallel'"):
        load_config("lenet", Overrides(sets=("train.executor=parallel",)))


@pytest.mark.usefixtures("no_pictures")
def test_a_run_may_go_on_with_the_other_one(stripes: Path, tmp_path: Path) -> None:
    run = nbcnn.train(TINY, data=str(stripes), epochs=1, out=tmp_path / "run")
    gone_on = nbcnn.resume(run.folder, sets=("train.executor=serial",), epochs=2)
    whole = nbcnn.train(TINY, data=str(stripes), epochs=2, out=tmp_path / "whole")
    for name, tensor in load_tensors(whole.weights_path("last"))[0].items():
        assert tensor.tobytes() == load_tensors(gone_on.weights_path("last"))[0][name].tobytes(), name


def written(folder: Path) -> Path:
    path = folder / "tiny.yaml"
    path.write_text(load_config(TINY).to_yaml())
    return path
