"""What the thread matrix trains: models, layers and backends as the registries have them, so that none is forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from kernels.networks import BRANCHES, LENET_LIKE, MOTLEY, SPREAD

from nbcnn.config import Config, load_config, model_names
from nbcnn.engine.network import layers_of, leaves, with_backends
from nbcnn.errors import ConfigError, KernelError, ShapeError
from nbcnn.kernels.registry import AUTO, backend_names, op_names, prepare
from nbcnn.layers import LAYERS
from nbcnn.optim import OPTIMIZERS
from nbcnn.training.model import Model

PAGE = Path(__file__).parent.parent.parent / "docs" / "yaml.md"
"""The specimens of layers and optimizers are the examples of their sections there."""

CONV = {"conv2d": {"out_channels": 4, "kernel_size": 3}}
ENOUGH = {"linear": {"out_features": 4}}

NETWORKS: dict[str, list[Any]] = {
    "lenet-like": LENET_LIKE,
    "motley": MOTLEY,
    "spread": SPREAD,
    "branches": BRANCHES,
    "one by one": [CONV, "relu", {"conv2d": {"out_channels": 5, "kernel_size": 1}}, "flatten", ENOUGH],
}
"""Small networks; those of single layers come on top."""

MODE_DEPENDS = {"batch_norm2d", "batch_norm1d", "dropout"}
"""Layers that compute something else in training than in evaluation."""


def config(layers: list[Any], optimizer: Any = "adam") -> Config:
    """A small network on images of 1×9×9, trained with batches that packs don't fill."""
    shape = {"channels": 1, "height": 9, "width": 9}
    train = {"epochs": 2, "batch_size": 101, "seed": 3, "optimizer": optimizer}
    return load_config({"name": "matrix", "input": shape, "layers": layers, "train": train})


def examples(name: str) -> list[Any]:
    """The entries that the examples of a layer's or optimizer's section show."""
    found = re.search(rf"^### {re.escape(name)}\n(.*?)(?=^##)", PAGE.read_text(encoding="utf-8") + "\n## ", re.M | re.S)
    line = re.search(r"Examples?: (.*?)(?=\n\n|\Z)", found[1], re.S) if found else None
    return [yaml.safe_load(text) for text in re.findall(r"`([^`]+)`", line[1])] if line else []


def layer_networks(kind: str) -> list[Config]:
    """A network around each specimen of a layer; one that needs arguments which nothing shows fails the test."""
    specimens = [entry for example in examples(kind) for entry in example] or [kind]
    return [_around(kind, specimen) for specimen in specimens]


def _around(kind: str, specimen: Any) -> Config:
    problems = []
    for before in ([CONV], [CONV, "flatten"], [CONV, "relu", "flatten", {"linear": {"out_features": 6}}]):
        try:
            found = config([*before, specimen, "flatten", ENOUGH])
            Model(found)
        except (ConfigError, ShapeError) as error:
            problems.append(str(error))
        else:
            return found
    pytest.fail(
        f"layer {kind}: the matrix can't train {specimen!r}: {problems[0]}. "
        f"Add an Example that stands after images of 4×7×7, or after features, to its section of docs/yaml.md"
    )


def optimizer_entries() -> list[Any]:
    """Every optimizer, as the examples of its section have it."""
    found: list[Any] = []
    for name in OPTIMIZERS:
        shown = [example["optimizer"] for example in examples(name)] or [name]
        for entry in shown:
            try:
                config([CONV, "flatten", ENOUGH], entry)
            except ConfigError as error:
                pytest.fail(f"optimizer {name}: {error}. Add an Example to its section of docs/yaml.md")
        found += shown
    return found


def small_networks() -> dict[str, Config]:
    """Those of NETWORKS, and those around each layer that there is."""
    found = {name: config(layers) for name, layers in NETWORKS.items()}
    for kind in LAYERS:
        found |= {f"{kind} {number}": one for number, one in enumerate(layer_networks(kind))}
    return found


SMALL = small_networks()
"""Made once, for all files whose cases they are."""


def depends_on_mode(one: Config) -> bool:
    """Whether a layer computes something else in training than in evaluation."""
    return any(layer.kind in MODE_DEPENDS for layer in leaves(layers_of(one)))


def models() -> dict[str, Config]:
    """The networks that come with nbcnn and name their backends; the layers of the wide ones are in NETWORKS."""
    found = {name: load_config(name) for name in model_names()}
    return {name: one for name, one in found.items() if AUTO not in {layer.backend for layer in leaves(layers_of(one))}}


def variants(one: Config) -> Iterator[tuple[str, Config]]:
    """The network as it is, and for each backend of each of its ops with that wherever it can do the layer."""
    network = Model(one)
    own = {layer.path: layer.backend or "" for layer in network.layers() if layer.op}
    assert AUTO not in own.values(), (
        f"{one.name}: what auto chooses is not the same every day; the matrix can't have it"
    )
    seen = [own]
    yield "as it is", one
    for op in sorted({layer.op for layer in network.layers() if layer.op}):
        for name in backend_names(op):
            able = {layer.path: name for layer in network.layers() if layer.op == op and _can(layer.problem, name)}
            if able and own | able not in seen:
                seen.append(own | able)
                yield f"{op}={name}", with_backends(one, network.root, own | able)


def _can(problem: Any, name: str) -> bool:
    try:
        prepare(problem, name)
    except KernelError:
        return False
    return True


def backends_of(one: Config) -> set[tuple[str, str]]:
    """(op, backend) of its layers."""
    return {(layer.op, layer.backend or "") for layer in Model(one).layers() if layer.op}


def missing(trained: Mapping[str, Config]) -> list[str]:
    """Sentences about backends of layers that none of these networks uses."""
    used = set().union(*(backends_of(variant) for one in trained.values() for _, variant in variants(one)))
    ops = {LAYERS.get(kind).op for kind in LAYERS}
    return [
        f"no network of the matrix has a {op} that {name} can do: add one to NETWORKS in tests/trust/matrix.py"
        for op in op_names()
        if op in ops
        for name in backend_names(op)
        if (op, name) not in used
    ]
