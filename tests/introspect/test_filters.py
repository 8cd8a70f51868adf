"""Learned kernels by layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nbcnn.config import load_config
from nbcnn.errors import ConfigError
from nbcnn.introspect.filters import filters
from nbcnn.training.model import Model


def network(layers: list[Any]) -> Model:
    return Model(load_config({"name": "t", "input": {"channels": 2, "height": 4, "width": 5}, "layers": layers}))


def test_kernels_of_convolutions_in_branches_too() -> None:
    conv: dict[str, Any] = {"conv2d": {"out_channels": 4, "kernel_size": [3, 1], "padding": [1, 0], "groups": 2}}
    net = network([conv, {"residual": {"body": [conv]}}, "flatten", {"linear": {"out_features": 3}}])
    found = filters(net)
    assert [(one.name, one.weight.shape) for one in found] == [
        ("0 conv2d", (4, 1, 3, 1)),
        ("1.body.0 conv2d", (4, 2, 3, 1)),
    ]
    np.testing.assert_array_equal(found[1].weight, net.tensors["1.body.0.weight"])
    found[0].weight[...] = 9  # a copy
    assert not (net.tensors["0.weight"] == 9).any()
    assert filters(net, ["1.body"])[0].path == "1.body.0"


def test_a_linear_layer_that_reads_the_pixels_has_images_as_kernels() -> None:
    net = network(["identity", "flatten", {"linear": {"out_features": 3}}, "relu", {"linear": {"out_features": 2}}])
    (one,) = filters(net)
    assert (one.path, one.weight.shape) == ("2", (3, 2, 4, 5))
    np.testing.assert_array_equal(one.weight[2, 1], net.tensors["2.weight"][2].reshape(2, 4, 5)[1])


def test_layers_without_kernels() -> None:
    net = network(["relu", "flatten"])
    with pytest.raises(ConfigError, match="t has no convolution, nor a linear layer that reads the pixels"):
        filters(net)
    with pytest.raises(ConfigError, match="layer 0 relu of t has no kernels to look at; no layer of this network has"):
        filters(net, ["0"])
