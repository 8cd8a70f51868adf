"""The network of an expanded config written in PyTorch, read from the YAML alone: no code of nbcnn's layers is used."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

SIMPLE = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "hardswish": nn.Hardswish,
    "identity": nn.Identity,
    "flatten": nn.Flatten,
}


class Residual(nn.Module):
    """body(x) + shortcut(x)"""

    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) + self.shortcut(x)


class Parallel(nn.Module):
    """The channels of all branches, or the product of two."""

    def __init__(self, branches: list[nn.Module], merge: str) -> None:
        super().__init__()
        self.branches, self.merge = nn.ModuleList(branches), merge

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs = [branch(x) for branch in self.branches]
        return torch.cat(outputs, 1) if self.merge == "concat" else outputs[0] * outputs[1]


class Dense(nn.Module):
    """Each layer sees the channels of all before it."""

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = torch.cat([x, layer(x)], 1)
        return x


def network(layers: list[Any], x: torch.Tensor) -> nn.Sequential:
    """These layers of a YAML file without blocks, for inputs like ``x`` (N, …)."""
    made = nn.Sequential()
    for entry in layers:
        name, given = (entry, {}) if isinstance(entry, str) else next(iter(entry.items()))
        made.append(_layer(name, {} if given is None else given, x))
        with torch.no_grad():
            x = made[-1].eval()(x)
    return made


def _layer(name: str, given: Any, x: torch.Tensor) -> nn.Module:
    of = {key: value for key, value in given.items() if key != "backend"} if isinstance(given, dict) else {}
    channels = x.shape[1]
    if name == "conv2d":
        return nn.Conv2d(channels, **of)
    if name == "linear":
        return nn.Linear(channels, **of)
    if name in ("batch_norm2d", "batch_norm1d"):
        of["eps"] = float(of["eps"])  # to PyYAML, 1e-05 is text
        return (nn.BatchNorm2d if name == "batch_norm2d" else nn.BatchNorm1d)(channels, **of)
    if name in ("max_pool2d", "avg_pool2d", "dropout"):
        return {"max_pool2d": nn.MaxPool2d, "avg_pool2d": nn.AvgPool2d, "dropout": nn.Dropout}[name](**of)
    if name == "global_avg_pool2d":
        return nn.AdaptiveAvgPool2d(1)
    if name == "sequential":
        return network(of.get("layers", given), x)
    if name == "residual":
        return Residual(network(of["body"], x), network(of.get("shortcut") or ["identity"], x))
    if name == "parallel":
        return Parallel([network(branch, x) for branch in of["branches"]], of["merge"])
    if name == "dense":
        layers = []
        for entry in of.get("layers", given):
            layers.append(network([entry], x))
            with torch.no_grad():
                x = torch.cat([x, layers[-1](x)], 1)
        return Dense(layers)
    return SIMPLE[name]()
