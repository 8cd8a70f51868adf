"""Blur pooling in the place of strides: shapes and weights stay, shifts do less."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nbcnn.config import load_config
from nbcnn.errors import ConfigError
from nbcnn.introspect.anti_aliased import anti_aliased
from nbcnn.introspect.equivariance import equivariance
from nbcnn.training.model import Model

LAYERS: list[Any] = [
    {"conv2d": {"out_channels": 2, "kernel_size": 3, "stride": 2, "padding": 1}},
    "batch_norm2d",
    {"residual": {"body": [{"conv2d": {"out_channels": 2, "kernel_size": 3, "stride": 2, "padding": "same"}}], "shortcut": [{"avg_pool2d": {"kernel_size": 2, "ceil_mode": True}}]}},
    {"max_pool2d": {"kernel_size": 2}},
    {"conv2d": {"out_channels": 3, "kernel_size": 3, "stride": 2}},
    "flatten",
    {"linear": {"out_features": 2}},
]  # fmt: skip


def network(layers: list[Any], size: int) -> Model:
    given = {"name": "t", "input": {"channels": 1, "height": size, "width": size}, "layers": layers}
    net = Model(load_config(given))
    random = np.random.default_rng(0)
    for name, tensor in net.tensors.items():
        tensor[...] = (
            random.uniform(0.5, 1, tensor.shape) if name.endswith("_var") else random.normal(size=tensor.shape)
        )
    return net


def test_strides_become_blurs() -> None:
    net = network(LAYERS, 27)
    made = anti_aliased(net)
    kinds = [(layer.path, layer.kind) for layer in made.layers() if layer.kind == "blur_pool"]
    # not the rounded-up pooling, nor the last convolution, whose output is one pixel
    assert kinds == [("0.1", "blur_pool"), ("2.body.0.1", "blur_pool"), ("3.1", "blur_pool")]
    assert made.out_shape == net.out_shape
    assert [t.tobytes() for t in made.tensors.values()] == [t.tobytes() for t in net.tensors.values()]
    assert {layer.problem.stride for layer in made.layers() if layer.path in ("0.0", "2.body.0.0", "3.0")} == {(1, 1)}
    reloaded = Model(load_config(made.config.to_mapping()))
    assert list(reloaded.tensors) == list(made.tensors)


def test_a_blur_makes_a_stride_more_equivariant() -> None:
    net = network([{"max_pool2d": {"kernel_size": 2}}], 24)
    images = np.random.default_rng(1).integers(0, 256, (4, 1, 24, 24)).astype(np.uint8)
    plain, blurred = (equivariance(one, images, 2).layers[-1] for one in (net, anti_aliased(net)))
    assert plain.inside[1] == blurred.inside[1] == 0
    assert 0 < blurred.inside[0] < 0.9 * plain.inside[0]


def test_a_network_without_strides() -> None:
    with pytest.raises(ConfigError, match="t has no convolution or pooling with a stride that could be blurred"):
        anti_aliased(network(["flatten", {"linear": {"out_features": 2}}], 4))
