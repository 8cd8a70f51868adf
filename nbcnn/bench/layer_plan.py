"""A network as a flat JSON list of layers with their weights' names, from which peers rebuild it.

A step is ``{"op": "conv2d", "stride": [1, 1], …, "weight": "0.weight", "bias": "0.bias"}``, with the names of the state
dict. A layer that has no such step makes a comparison impossible, and is named.
"""

from __future__ import annotations

from typing import Any

from nbcnn.engine.network import Network
from nbcnn.errors import KernelError
from nbcnn.layers import Layer

Step = dict[str, Any]
ELEMENTWISE = ("relu", "sigmoid", "tanh")


def plan(network: Network) -> list[Step]:
    """The steps of a network's layers, in order; raises KernelError for a layer that has no such step."""
    return [_step(layer) for layer in network.layers()]


def conv2d_step(problem: Any, weight: str = "weight", bias: str | None = "bias") -> Step:
    """A convolution's."""
    return {
        "op": "conv2d",
        "channels": [problem.in_channels, problem.out_channels],
        "groups": problem.groups,
        **_window(problem),
        "weight": weight,
        "bias": bias,
    }


def _step(layer: Layer) -> Step:
    problem, own = layer.problem, layer.parameters()
    weight, bias = f"{layer.path}.weight", f"{layer.path}.bias" if "bias" in own else None
    if layer.op == "conv2d":
        return conv2d_step(problem, weight, bias)
    if layer.op == "linear":
        sizes = [problem.in_features, problem.out_features]
        return {"op": "linear", "features": sizes, "weight": weight, "bias": bias}
    if layer.op in ("max_pool2d", "avg_pool2d"):
        counted = {"count_include_pad": problem.count_include_pad, "divisor_override": problem.divisor_override}
        return {"op": layer.op, **_window(problem), "ceil_mode": problem.ceil_mode, **counted}
    if layer.kind == "flatten" or layer.kind in ELEMENTWISE:
        return {"op": layer.kind}
    raise KernelError(f"{layer.where}: other libraries can't be told of the layer {layer.kind}; leave out --against")


def _window(problem: Any) -> Step:
    return {
        "kernel_size": list(problem.kernel_size),
        "stride": list(problem.stride),
        "padding": list(problem.padding),
        "dilation": list(problem.dilation),
    }
