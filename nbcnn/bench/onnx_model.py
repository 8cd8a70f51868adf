"""A network or a single layer as an ONNX model, for ONNX Runtime to run. Needs the package onnx."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nbcnn.bench.layer_plan import Step
from nbcnn.errors import PeerError
from nbcnn.kernels.ops import op
from nbcnn.util.version import __version__

if TYPE_CHECKING:
    import numpy as np

OPSET, IR = 17, 8
"""Versions that every ONNX Runtime of the last years reads."""


def onnx_model(
    plan: Sequence[Step], tensors: Mapping[str, np.ndarray], in_shape: Sequence[int], out_shape: Sequence[int]
) -> bytes:
    """A serialised ModelProto of the plan's steps: input ``x`` (N, *in_shape), output ``y`` (N, *out_shape), N free."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, flow = [], "x"
    for number, step in enumerate(plan):
        after = "y" if number == len(plan) - 1 else f"h{number}"
        given = [flow, *(step[own] for own in ("weight", "bias") if step.get(own))]
        kind, attributes = _node(step)
        nodes.append(helper.make_node(kind, given, [after], f"layer{number}", **attributes))
        flow = after
    graph = helper.make_graph(
        nodes,
        "nbcnn",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *in_shape])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", *out_shape])],
        [numpy_helper.from_array(value, name) for name, value in tensors.items()],
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


def _node(step: Step) -> tuple[str, dict[str, Any]]:
    """ONNX's operator and its attributes."""
    if step["op"] == "flatten":
        return "Flatten", {}
    kind, attributes = op(step["op"]).onnx_node(step)
    if kind is None:
        raise PeerError(f"ONNX has no {step['op']}; leave out --against onnxruntime")
    return kind, attributes
