"""``nbcnn.fold``: batch norms computed into the weights of the convolutions and linear layers before them.

In evaluation a batch norm is a factor and a number to add for each channel, both known once training is over. So
``γ·(W∗x + b - μ)/√(σ² + ε) + β`` is one convolution, with weights ``W·s`` and bias ``(b - μ)·s + β``, s = γ/√(σ² + ε).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from nbcnn.config import Config
from nbcnn.data import read_dataset
from nbcnn.engine.network import Network, leaves
from nbcnn.engine.weights_metadata import WeightsMetadata
from nbcnn.errors import DataError, TrainingError
from nbcnn.layers import Layer, LayerConfig
from nbcnn.layers.batch_norm import BatchNorm, BatchNorm1d, BatchNorm2d
from nbcnn.layers.composite import Sequential
from nbcnn.layers.conv2d import Conv2d
from nbcnn.layers.linear import Linear
from nbcnn.plugins import blamed
from nbcnn.runs.run_folder import Kind, Run
from nbcnn.training.loading import load, read_info, trained
from nbcnn.training.model import Model
from nbcnn.training.provenance import made_with

TOLERANCE = 1e-4
"""The largest difference of a score, as a share of the largest score. Folding rounds each weight once more, by 6e-8 of
it at most; a hundred layers that each hand on ten times that are below this."""

IMAGES = 256
"""How many test images, or images of random numbers, are compared."""


@dataclass(frozen=True)
class Fold:
    """What ``fold`` made: the run folder, pairs of paths that became one layer, and batch norms that stay.

    ``difference`` is the largest one of a score of ``images`` images, as a share of the largest score;
    ``test_images`` says whether they are the test images or random numbers.
    """

    folder: Path
    folded: tuple[tuple[str, str], ...]
    kept: tuple[str, ...]
    difference: float
    images: int
    test_images: bool


@blamed()
def fold(source: str | PathLike[str], *, out: str | Path | None = None, which: Kind = "best") -> Fold:
    """Write a run folder with the network of a run, each batch norm in the layer before it, for evaluation only.

    ``out`` is the new folder, else ``runs/NAME-folded-K``. A batch norm that follows no conv2d or linear in the same
    list stays. Raises TrainingError where none can be folded or scores differ by more than TOLERANCE, CheckpointError.
    """
    run = trained(source)
    network = load(run.folder, which=which)
    pairs = pairs_of(network)
    absorbed = {norm.path for _, norm in pairs}
    kept = tuple(one.path for one in network.layers() if isinstance(one, BatchNorm) and one.path not in absorbed)
    if not pairs:
        stay = f": {', '.join(kept)} follow no conv2d or linear" if kept else ", for it has none"
        raise TrainingError(f"{source}: no batch norm of this network can be folded{stay}; use the run as it is")
    made = folded_network(network, pairs)
    images, real = _images(network)
    difference = _difference(network.scores(images), made.scores(images))
    if not difference <= TOLERANCE:  # NaN too
        raise TrainingError(
            f"{source}: with folded batch norms a score differs by {difference:.1e} of the largest one, more than "
            f"{TOLERANCE:.0e}: a running variance near 0, or weights far from 1, can make it so; use the run as it is"
        )
    target = Run.create(out, f"{network.config.name}-folded")
    try:
        facts = {"run": str(run.folder), "weights": which, "layers": [[a.path, b.path] for a, b in pairs]}
        backends = {layer.path: layer.backend for layer in made.layers() if layer.op}
        info = read_info(run) | made_with() | {"backends": backends, "folded": facts | {"difference": difference}}
        target.write_info(info)
        target.save("best", made.tensors, WeightsMetadata.of(made).to_metadata())
        target.write_config(made.config.to_yaml_in(target.folder))
    finally:
        target.release()
    paths = tuple((layer.path, norm.path) for layer, norm in pairs)
    return Fold(target.folder, paths, kept, difference, len(images), real)


def folded_network(network: Network, pairs: list[tuple[Layer, Layer]]) -> Model:
    """A network without the batch norms of these pairs, with the same scores in evaluation."""
    norms = {layer.path: norm for layer, norm in pairs}
    made = Model(_without(network.config, network.root, pairs))
    made.classes, made.reading, made.trained_on = network.classes, network.reading, network.trained_on
    gone = {norm.path for norm in norms.values()}
    left = [layer for layer in leaves(network.root) if layer.path not in gone]
    for old, new in zip(left, leaves(made.root), strict=True):
        for name in (*new.parameters(), *new.buffers()):
            found = network.tensors.get(f"{old.path}.{name}")
            if old.path in norms:
                found = _folded(network, old, norms[old.path])[name]
            assert found is not None
            made.tensors[f"{new.path}.{name}"][...] = found
    return made


def pairs_of(network: Network) -> list[tuple[Layer, Layer]]:
    """Layers with weights and the batch norms that alone read their outputs, in the network's order."""
    order = {layer.path: number for number, layer in enumerate(network.layers())}
    return sorted(_pairs(network.root), key=lambda pair: order[pair[0].path])


def _pairs(layer: Layer) -> Iterator[tuple[Layer, Layer]]:
    if type(layer) is Sequential:
        for before, norm in pairwise(layer.children):
            if (type(before), type(norm)) in ((Conv2d, BatchNorm2d), (Linear, BatchNorm1d)):
                yield before, norm
    for child in layer.children:
        yield from _pairs(child)


def _folded(network: Network, layer: Layer, norm: Layer) -> dict[str, np.ndarray]:
    """Weight and bias of the layer that a pair becomes, computed in float64."""
    own = {name: network.tensors[f"{layer.path}.{name}"].astype("f8") for name in layer.parameters()}
    of_norm = {n: network.tensors[f"{norm.path}.{n}"].astype("f8") for n in (*norm.parameters(), *norm.buffers())}
    config: Any = norm.config
    with np.errstate(invalid="ignore", divide="ignore"):
        s = of_norm.get("weight", 1.0) / np.sqrt(of_norm["running_var"] + config.eps)
    bias = (own.get("bias", 0.0) - of_norm["running_mean"]) * s + of_norm.get("bias", 0.0)
    return {"weight": own["weight"] * s.reshape(-1, *[1] * (own["weight"].ndim - 1)), "bias": bias}


def _without(config: Config, root: Sequential, pairs: list[tuple[Layer, Layer]]) -> Config:
    """The config without the second layers of these pairs; the first ones have a bias."""
    first, second = {id(layer.config) for layer, _ in pairs}, {id(norm.config) for _, norm in pairs}

    def changed(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(changed(item) for item in value if id(item) not in second)
        if not isinstance(value, LayerConfig):
            return value
        update = {name: changed(item) for name, item in value if isinstance(item, tuple)}
        return value.model_copy(update=update | ({"bias": True} if id(value) in first else {}))

    return config.model_copy(update={"layers": changed(root.config.layers)})


def _images(network: Network) -> tuple[np.ndarray, bool]:
    """The first test images, and True; images of random numbers and False where there are none that fit."""
    try:
        found = read_dataset(network.config.data).test.images[:IMAGES]
        if len(found) and found.shape[1:] == network.in_shape:
            return found, True
    except DataError:
        pass
    shape = (IMAGES, *network.in_shape)
    return np.random.default_rng(0).standard_normal(shape).astype(network.dtype), False


def _difference(before: np.ndarray, after: np.ndarray) -> float:
    largest = float(np.abs(before).max())
    return float(np.abs(after.astype("f8") - before).max()) / (largest or 1)
