"""A network or a single layer as an ONNX model, for ONNX Runtime to run. Needs the package onnx."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nbcnn.bench.layer_plan import Step
from nbcnn.errors import PeerError
from nbcnn.introspect.graph import IMAGE
from nbcnn.kernels.ops import op
from nbcnn.util.version import __version__

if TYPE_CHECKING:
    import numpy as np

OPSET, IR = 17, 8
"""Versions that every ONNX Runtime of the last years reads."""
JOINS = {"add": "Add", "concat": "Concat", "multiply": "Mul"}
"""How branches are joined, and ONNX's operator for it."""


def onnx_model(
    plan: Sequence[Step], tensors: Mapping[str, np.ndarray], in_shape: Sequence[int], out_shape: Sequence[int]
) -> bytes:
    """A serialised ModelProto of the plan's steps: input ``x`` (N, *in_shape), output ``y`` (N, *out_shape), N free."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    tensors, flows = dict(tensors), {IMAGE: "x"}
    nodes, used = [], list[str]()
    for number, step in enumerate(plan):
        flows[number] = "y" if number == len(plan) - 1 else f"h{number}"
        given = _tensors_of(step, number, tensors)
        used += given
        kind, attributes = _node(step)
        inputs = [*(flows[each] for each in step.get("inputs", [number - 1])), *given]
        nodes.append(helper.make_node(kind, inputs, [flows[number]], f"layer{number}", **attributes))
    graph = helper.make_graph(
        nodes,
        "nbcnn",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *in_shape])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", *out_shape])],
        [numpy_helper.from_array(tensors[name], name) for name in used],
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
        producer_name="nbcnn",
        producer_version=__version__,
    )
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def _tensors_of(step: Step, number: int, tensors: dict[str, np.ndarray]) -> list[str]:
    """Names of the tensors that a step takes, in ONNX's order; a batch norm without weights gets ones and zeros."""
    if step["op"] != "batch_norm":
        return [step[own] for own in ("weight", "bias") if step.get(own)]
    if not step["affine"]:
        mean = tensors[step["running_mean"]]
        tensors[f"ones{number}"], tensors[f"zeros{number}"] = mean * 0 + 1, mean * 0
    affine = [step["weight"], step["bias"]] if step["affine"] else [f"ones{number}", f"zeros{number}"]
    return [*affine, step["running_mean"], step["running_var"]]


def _node(step: Step) -> tuple[str, dict[str, Any]]:
    """ONNX's operator and its attributes."""
    if step["op"] in JOINS:
        join = "Sum" if step["op"] == "add" and len(step["inputs"]) > 2 else JOINS[step["op"]]
        return join, {"axis": 1} if step["op"] == "concat" else {}
    if step["op"] == "flatten":
        return "Flatten", {}
    kind, attributes = op(step["op"]).onnx_node(step)
    if kind is None:
        raise PeerError(f"ONNX has no {step['op']}; leave out --against onnxruntime")
    return kind, attributes
