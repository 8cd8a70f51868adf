"""A network as a flat JSON list of layers with their weights' names, from which peers rebuild it.

A step is ``{"op": "conv2d", "stride": [1, 1], …, "weight": "0.weight", "bias": "0.bias"}``, with the names of the state
dict. Each reads the step before it; in a network with branches all have ``inputs``, the numbers of the steps that they
read (-1: the images), and ``path``, and there are steps ``add``, ``concat`` and ``multiply``, which join branches. A
layer that has no such step makes a comparison impossible, and is named.
"""

from __future__ import annotations

from typing import Any

from nbcnn.engine.network import Network
from nbcnn.errors import KernelError
from nbcnn.introspect.graph import IMAGE, graph_of
from nbcnn.kernels.elementwise import ElementwiseProblem
from nbcnn.kernels.ops import OPS, op
from nbcnn.layers import Layer
from nbcnn.layers.batch_norm import BatchNorm
from nbcnn.layers.branches import Branches
from nbcnn.layers.composite import Sequential
from nbcnn.layers.dense import Dense
from nbcnn.layers.dropout import Dropout
from nbcnn.util.model_values import model_values

Step = dict[str, Any]


def plan(network: Network) -> list[Step]:
    """The steps of a network's layers, in order; raises KernelError for a layer that has no such step."""
    _only_known(network.root)
    nodes, steps = graph_of(network.root), list[Step]()
    numbers = {IMAGE: IMAGE}
    for number, node in enumerate(nodes):
        inputs = [numbers[each] for each in node.inputs]
        if node.layer.kind == "identity":
            (numbers[number],) = inputs
            continue
        step = {"op": node.how} if node.how else _step(node.layer)
        numbers[number] = len(steps)
        steps.append({**step, "inputs": inputs, "path": node.layer.path})
    if any(node.how for node in nodes):
        return steps
    return [{key: value for key, value in step.items() if key not in ("inputs", "path")} for step in steps]


def _only_known(layer: Layer) -> None:
    """Raise KernelError for a layer made of others that joins them in a way of its own."""
    if layer.children and not isinstance(layer, (Sequential, Branches, Dense)):
        raise _unknown(layer)
    for child in layer.children:
        _only_known(child)


def conv2d_step(problem: Any, weight: str = "weight", bias: str | None = "bias") -> Step:
    """A convolution's."""
    return {**op("conv2d").step(problem), "weight": weight, "bias": bias}


def _step(layer: Layer) -> Step:
    own, problem = layer.parameters(), layer.problem
    if layer.kind == "flatten":
        return {"op": "flatten", "torch": "Flatten"}
    if isinstance(layer, Dropout):
        return {"op": "dropout", "torch": "Dropout", "arguments": {"p": layer.config.p}}
    known = op(layer.op) if layer.op and layer.op in OPS else None
    # A layer of another name may do more than its elementwise op.
    same = layer.kind == layer.op or not isinstance(problem, ElementwiseProblem)
    if known is None or not same or not (known.torch or known.onnx):
        raise _unknown(layer)
    if isinstance(layer, BatchNorm):
        settings = model_values(layer.config, "python", include={"eps", "momentum", "affine"})
        kind = {"batch_norm1d": "BatchNorm1d"}.get(layer.kind, known.torch)
        names = {name: f"{layer.path}.{name}" for name in (*own, *layer.buffers())}
        return {**known.step(problem), "torch": kind, "channels": layer.in_shape[0], **settings, **names}
    if "weight" not in own:
        return known.step(problem)
    bias = f"{layer.path}.bias" if "bias" in own else None
    return {**known.step(problem), "weight": f"{layer.path}.weight", "bias": bias}


def _unknown(layer: Layer) -> KernelError:
    return KernelError(f"{layer.where}: other libraries can't be told of the layer {layer.kind}; leave out --against")
