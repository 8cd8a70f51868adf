"""A network or a single layer as an ONNX model, for ONNX Runtime to run. Needs the package onnx."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nbcnn.bench.layer_plan import Step
from nbcnn.errors import PeerError
from nbcnn.util.version import __version__

if TYPE_CHECKING:
    import numpy as np

OPSET, IR = 17, 8
"""Versions that every ONNX Runtime of the last years reads."""

_LIKE = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "flatten": "Flatten"}


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
    """ONNX's operator and its attributes; pads are top, left, bottom, right there."""
    op = step["op"]
    if op in _LIKE:
        return _LIKE[op], {}
    if op == "linear":
        return "Gemm", {"transB": 1}
    top, bottom, left, right = step["padding"]
    window = {"kernel_shape": step["kernel_size"], "strides": step["stride"], "pads": [top, left, bottom, right]}
    if op == "conv2d":
        return "Conv", {**window, "dilations": step["dilation"], "group": step["groups"]}
    window["ceil_mode"] = int(step["ceil_mode"])
    if op == "max_pool2d":
        return "MaxPool", {**window, "dilations": step["dilation"]}
    if step["divisor_override"] is not None:
        raise PeerError("ONNX has no avg_pool2d with divisor_override; leave out --against onnxruntime")
    return "AveragePool", {**window, "count_include_pad": int(step["count_include_pad"])}
