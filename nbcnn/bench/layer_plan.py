"""A network as a flat JSON list of layers with their weights' names, from which peers rebuild it.

A step is ``{"op": "conv2d", "stride": [1, 1], …, "weight": "0.weight", "bias": "0.bias"}``, with the names of the state
dict. A layer that has no such step makes a comparison impossible, and is named.
"""

from __future__ import annotations

from typing import Any

from nbcnn.engine.network import Network
from nbcnn.errors import KernelError
from nbcnn.kernels.elementwise import ElementwiseProblem
from nbcnn.kernels.ops import OPS, op
from nbcnn.layers import Layer

Step = dict[str, Any]


def plan(network: Network) -> list[Step]:
    """The steps of a network's layers, in order; raises KernelError for a layer that has no such step."""
    return [_step(layer) for layer in network.layers()]


def conv2d_step(problem: Any, weight: str = "weight", bias: str | None = "bias") -> Step:
    """A convolution's."""
    return {**op("conv2d").step(problem), "weight": weight, "bias": bias}


def _step(layer: Layer) -> Step:
    own, problem = layer.parameters(), layer.problem
    if layer.kind == "flatten":
        return {"op": "flatten", "torch": "Flatten"}
    known = op(layer.op) if layer.op and layer.op in OPS else None
    # A layer of another name may do more than its elementwise op.
    same = layer.kind == layer.op or not isinstance(problem, ElementwiseProblem)
    if known is None or not same or not (known.torch or known.onnx):
        raise KernelError(
            f"{layer.where}: other libraries can't be told of the layer {layer.kind}; leave out --against"
        )
    if "weight" not in own:
        return known.step(problem)
    bias = f"{layer.path}.bias" if "bias" in own else None
    return {**known.step(problem), "weight": f"{layer.path}.weight", "bias": bias}
