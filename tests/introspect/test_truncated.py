"""Networks that end at one of their layers have its output, whatever branches it is in."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbcnn.config import load_config
from nbcnn.introspect.activations import activations
from nbcnn.introspect.truncated import truncated
from nbcnn.training.model import Model

CONV: dict[str, Any] = {"conv2d": {"out_channels": 2, "kernel_size": 3, "padding": 1}}
LAYERS: list[Any] = [
    CONV,
    {"residual": {"body": [CONV, "relu", {"residual": {"body": [CONV]}}]}},
    {"dense": [CONV, {"sequential": ["relu", CONV]}]},
    {"parallel": {"branches": [["identity"], [CONV, "relu"]], "merge": "concat"}},
    {"sequential": ["flatten", {"linear": {"out_features": 5}}]},
    {"linear": {"out_features": 3}},
]


def test_every_layer_can_be_the_last() -> None:
    given = {"name": "t", "input": {"channels": 1, "height": 5, "width": 5}, "layers": LAYERS}
    net = Model(load_config(given | {"train": {"class_weights": [1, 2, 3]}}))
    images = np.random.default_rng(0).normal(size=(2, 1, 5, 5)).astype(np.float32)
    found = activations(net, images)
    assert "2.layers.1.0.1" in found.outputs and "1.body.2.body.0" in found.outputs
    for path, output in found.outputs.items():
        part = activations(truncated(net, path), images).outputs
        assert list(part.values())[-1].tobytes() == output.tobytes(), path
    assert list(truncated(net, "1.body.0").tensors) == ["0.weight", "0.bias", "1.weight", "1.bias"]
