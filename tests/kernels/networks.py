"""Small networks and images for tests of the engine."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbcnn.config import load_config
from nbcnn.training.model import Model

LENET_LIKE: list[Any] = [
    {"conv2d": {"out_channels": 2, "kernel_size": 3, "padding": 1}},
    "sigmoid",
    {"avg_pool2d": {"kernel_size": 2, "stride": 2}},
    {"conv2d": {"out_channels": 3, "kernel_size": 3}},
    "sigmoid",
    {"avg_pool2d": {"kernel_size": 2, "stride": 2}},
    "flatten",
    {"linear": {"out_features": 5}},
    "sigmoid",
    {"linear": {"out_features": 4}},
]
"""LeNet, shrunken to images of 8 x 8."""

MOTLEY: list[Any] = [
    {"conv2d": {"out_channels": 5, "kernel_size": [3, 2], "stride": [1, 2], "padding": [1, 0]}},
    "tanh",
    {"max_pool2d": {"kernel_size": 3, "stride": 2, "padding": 1}},
    {"conv2d": {"out_channels": 3, "kernel_size": 2, "bias": False}},
    "relu",
    {"avg_pool2d": {"kernel_size": 2, "stride": 1, "padding": 1, "count_include_pad": False}},
    "flatten",
    {"linear": {"out_features": 9, "bias": False}},
    "sigmoid",
    {"linear": {"out_features": 3}},
]
"""Every kind of layer, overlapping windows, no biases."""

SPREAD: list[Any] = [
    {"conv2d": {"out_channels": 4, "kernel_size": 3, "padding": "same", "dilation": 2}},
    "tanh",
    {"max_pool2d": {"kernel_size": [2, 3], "stride": 1, "padding": [1, 0, 2, 1], "dilation": 2}},
    {"conv2d": {"out_channels": 6, "kernel_size": [2, 3], "stride": 2, "padding": "same", "groups": 2, "bias": False}},
    {"max_pool2d": {"kernel_size": 2, "stride": 2, "ceil_mode": True, "padding": 1}},
    {"conv2d": {"out_channels": 6, "kernel_size": 2, "padding": [1, 0, 0, 2], "groups": 6}},
    "sigmoid",
    {"avg_pool2d": {"kernel_size": 2, "stride": 2, "padding": [0, 1, 1, 0], "ceil_mode": True, "divisor_override": 3}},
    {"conv2d": {"out_channels": 8, "kernel_size": 2, "padding": 1}},
    {"avg_pool2d": {"kernel_size": [2, 3], "stride": 2, "padding": [0, 1], "ceil_mode": True}},
    {"sequential": ["tanh", "global_avg_pool2d"]},
    "flatten",
    {"linear": {"out_features": 3}},
]
"""Dilation, groups, padding on four sides and in words, sizes rounded up, pooling of whole images."""


BRANCHES: list[Any] = [
    {"conv2d": {"out_channels": 4, "kernel_size": 3, "padding": "same", "bias": False}},
    "batch_norm2d",
    "relu",
    {
        "residual": {
            "body": [
                {"conv2d": {"out_channels": 6, "kernel_size": 3, "stride": 2, "padding": 1}},
                {"batch_norm2d": {"momentum": None}},
                {"dropout": {"p": 0.25}},
            ],
            "shortcut": [
                {"conv2d": {"out_channels": 6, "kernel_size": 1, "stride": 2}},
                {"batch_norm2d": {"affine": False}},
            ],
        }
    },
    {"residual": {"body": ["batch_norm2d", "tanh", {"conv2d": {"out_channels": 6, "kernel_size": 1}}]}},
    {
        "dense": [
            {"sequential": ["batch_norm2d", {"conv2d": {"out_channels": 2, "kernel_size": 3, "padding": "same"}}]},
            "relu",
        ]
    },
    {"parallel": {"merge": "concat", "branches": [[{"conv2d": {"out_channels": 3, "kernel_size": 1}}], ["identity"]]}},
    {"parallel": {"merge": "add", "branches": [["identity"], ["batch_norm2d"], ["sigmoid"]]}},
    {
        "parallel": {
            "merge": "multiply",
            "branches": [
                ["identity"],
                ["global_avg_pool2d", {"conv2d": {"out_channels": 19, "kernel_size": 1}}, "sigmoid"],
            ],
        }
    },
    {"group_norm": {"num_groups": 19}},
    "flatten",
    {"linear": {"out_features": 7}},
    "batch_norm1d",
    "relu",
    {"dropout": {"p": 0.5}},
    {"linear": {"out_features": 3}},
]
"""Layers that need the whole batch inside every kind of branch, two of them side by side, and dropout."""


def build(layers: list[Any], dtype: str = "float32", channels: int = 1, size: int = 8, **more: Any) -> Model:
    """A network on images (channels, size, size); ``more`` are sections of its YAML."""
    shape = {"channels": channels, "height": size, "width": size}
    return Model(load_config({"name": "test", "input": shape, "layers": layers, **more}), dtype)


def images(network: Model, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(count, C, H, W) of the network's dtype, scaled as in training, and labels (count,)."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, network.out_shape[0], count)
    return random.standard_normal((count, *network.in_shape)).astype(network.dtype), labels
