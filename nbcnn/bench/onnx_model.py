"""A network or a single layer as an ONNX model, for ONNX Runtime to run. Needs the package onnx."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nbcnn.bench.layer_plan import Step
from nbcnn.errors import PeerError
from nbcnn.introspect.graph import IMAGE
from nbcnn.kernels.op import OnnxNode
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
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, flows = [], {IMAGE: "x"}
    given: dict[str, Any] = {}
    for number, step in enumerate(plan):
        flows[number] = after = "y" if number == len(plan) - 1 else f"h{number}"
        of_step = _nodes(step)
        outputs = [*(f"{after}.{part}" for part in range(len(of_step) - 1)), after]
        known: dict[str | int, list[str]] = {part: [name] for part, name in enumerate(outputs)}
        known["x"] = [flows[each] for each in step.get("inputs", [number - 1])]
        known[""] = [""]  # an input that is left out, before one that is not
        for part, node in enumerate(of_step):
            takes = list[str]()
            for place, what in enumerate(node.inputs):
                if not isinstance(what, str | int):
                    takes.append(f"{outputs[part]}.constant{place}")
                    given[takes[-1]] = np.asarray(what, np.int64 if _whole(what) else np.float32)
                elif what in known:
                    takes += known[what]
                elif name := step.get(str(what)):  # a layer without a bias has none
                    takes.append(name)
                    given[name] = tensors[name]
            title = f"layer{number}" if len(of_step) == 1 else f"layer{number}.{part}"
            nodes.append(helper.make_node(node.kind, takes, [outputs[part]], title, **node.attributes))
    graph = helper.make_graph(
        nodes,
        "nbcnn",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *in_shape])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", *out_shape])],
        [numpy_helper.from_array(value, name) for name, value in given.items()],
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


def _nodes(step: Step) -> list[OnnxNode]:
    """ONNX's operators for a step."""
    if step["op"] in JOINS:
        join = "Sum" if step["op"] == "add" and len(step["inputs"]) > 2 else JOINS[step["op"]]
        return [OnnxNode(join, ("x",), {"axis": 1} if step["op"] == "concat" else {})]
    if step["op"] == "dropout":  # in inference nothing is dropped, as ONNX has it too
        return [OnnxNode("Dropout")]
    if step["op"] == "flatten":
        return [OnnxNode("Flatten")]
    nodes = op(step["op"]).onnx_nodes(step)
    if not nodes:
        raise PeerError(f"ONNX has no {step['op']}; leave out --against onnxruntime")
    return nodes


def _whole(constant: Any) -> bool:
    """Whether a constant is a list of whole numbers, such as a shape."""
    return isinstance(constant, list) and all(isinstance(number, int) for number in constant)
