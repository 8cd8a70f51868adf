"""ONNX Runtime as a peer: inference of the exported ONNX model, with all its optimizations. No training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nbcnn.bench.layer_plan import conv2d_step, plan
from nbcnn.bench.onnx_model import onnx_model
from nbcnn.bench.peers.base import PEERS, Forward, Peer, Task


@PEERS.register("onnxruntime")
class OnnxRuntime(Peer):
    """ONNX Runtime with plain arrays and with bound buffers; the faster is its figure."""

    modules = ("onnxruntime", "onnx")
    install = "pip install onnxruntime onnx"

    def inference(self, task: Task, x: np.ndarray) -> dict[str, Forward]:
        network = task.network
        model = onnx_model(plan(network), network.state_dict(), network.in_shape, network.out_shape)
        return _ways(model, x, task.threads)

    def layer(self, arrays: Any, threads: int) -> dict[str, dict[str, Callable[[], Any]]]:
        tensors = {"weight": arrays.w, "bias": arrays.b}
        problem = arrays.problem
        model = onnx_model([conv2d_step(problem)], tensors, problem.x_shape, problem.y_shape)
        return {way: {"forward": call} for way, call in _ways(model, arrays.x, threads).items()}


def _ways(model: bytes, x: np.ndarray, threads: int) -> dict[str, Forward]:
    import onnxruntime as runtime

    def session() -> Any:
        options = runtime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    plain, bound = session(), session()
    binding = bound.io_binding()
    binding.bind_cpu_input("x", x)
    y = plain.run(None, {"x": x})[0]
    place = runtime.OrtValue.ortvalue_from_numpy(np.zeros_like(y), "cpu", 0)
    binding.bind_ortvalue_output("y", place)

    def by_binding() -> np.ndarray:
        bound.run_with_iobinding(binding)
        scores: np.ndarray = place.numpy()
        return scores

    return {"run": lambda: plain.run(None, {"x": x})[0], "io_binding": by_binding}
