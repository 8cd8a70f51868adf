"""Ties: numbers at a kink of an activation, as at ReLU's 0, or equal pixels of a pooling window, but for rounding.

Which side of the kink such a number is on, and which pixel is the largest, is decided by rounding, and the gradient
goes another way for it: libraries that are both right then have different gradients. Found in a run in float64.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nbcnn.bench.peers.base import Task
from nbcnn.engine.batch import BatchInputs
from nbcnn.engine.network import Network, views
from nbcnn.engine.serial import SerialExecutor
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.elementwise import ElementwiseOp
from nbcnn.kernels.ops import op
from nbcnn.kernels.registry import AUTO, DEFAULT
from nbcnn.layers import Layer

NEAR = 2e-6
"""Two numbers are a tie if they are not equal and no farther apart than this share of the layer's largest."""


class Exact(NamedTuple):
    """A training step in float64: the gradients by name, and how many ties each layer has, by path, in order.

    ``reach`` is how far the gradients move when all ties at activations go from one side to the other.
    """

    gradients: dict[str, np.ndarray]
    ties: dict[str, int]
    layers: dict[str, Layer]
    reach: dict[str, float]

    def words(self) -> str:
        """``layer 2 (relu) has 3``"""
        found = [f"layer {path} ({self.layers[path].kind}) {count}" for path, count in self.ties.items()]
        return ", ".join(found[:3]) + (f" and {len(found) - 3} more layers" if len(found) > 3 else "")


class Float64:
    """The task's network in float64; ``step`` makes a training step's gradient without changing anything."""

    def __init__(self, task: Task) -> None:
        self._task, self._network = task, Network(task.network.config, "float64")
        auto = [layer.path for layer in self._network.layers() if layer.backend == AUTO]
        self._network.choose_backends(dict.fromkeys(auto, DEFAULT))  # exact, and nothing to be timed
        self._tensors = task.network.state_dict()
        self._executor = SerialExecutor(self._network)
        self._layers = {layer.path: layer for layer in self._network.layers()}

    def step(self, order: np.ndarray) -> Exact:
        """On the images of the task that ``order`` picks."""
        gradients, ties = self._once(order, 0)
        reach = dict.fromkeys(gradients, 0.0)
        if ties:
            up, down = (self._once(order, side)[0] for side in (1, -1))
            reach = {name: float(np.abs(up[name] - down[name]).max(initial=0)) for name in gradients}
        return Exact(gradients, ties, self._layers, reach)

    def _once(self, order: np.ndarray, side: int) -> tuple[dict[str, np.ndarray], dict[str, int]]:
        """The gradients and the ties, at activations all put to one side of the kink if ``side`` is 1 or -1."""
        self._network.load_state_dict(self._tensors)
        run, ties = self._executor, dict[str, int]()
        inputs = BatchInputs(self._task.images, run._of_bytes, self._task.labels, targets=run.targets)
        batch = run.new_batch(order, inputs)
        for call in run.steps("train", inputs, batch):
            layer = self._layers.get(call.layer)
            if call.direction != "forward" or layer is None or not layer.op:
                continue
            definition = op(layer.op)
            kinks = definition.kinks(layer.problem) if isinstance(definition, ElementwiseOp) else ()
            if not kinks and layer.op != "max_pool2d":
                continue
            images = min(LANES, order.size - LANES * int(run.pack.place[0]))
            x, y = (array[..., :images] for array in call.arrays[:2])
            near = NEAR * float(np.abs(x).max(initial=0))
            kink = np.array(kinks)[np.abs(x[..., None] - kinks).argmin(-1)] if kinks else x
            apart = np.abs(x - kink) if kinks else _margins(layer, x)
            tied = (apart > 0) & (apart <= near)
            if tied.any():
                ties[call.layer] = ties.get(call.layer, 0) + int(np.count_nonzero(tied))
            if side and isinstance(definition, ElementwiseOp):
                x[tied] = kink[tied] + side * near
                y[tied] = definition.value(x[tied], **layer.problem.arguments)
        gradients = {name: view.copy() for name, view in views(run.gradient, self._network.shapes).items()}
        return gradients, ties


def without_ties(float64: Float64, images: int) -> tuple[np.ndarray, Exact]:
    """Images that make a batch without ties, or of many such batches the one with fewest; few, since many have some."""
    random, best = np.random.default_rng(0), None
    for size in (16, 8, 8, 4, 4, 4, 2, 2, 2, 2):
        order = random.permutation(images)[:size]
        exact = float64.step(order)
        if best is None or sum(exact.ties.values()) < sum(best[1].ties.values()):
            best = order, exact
        if not best[1].ties:
            break
    assert best is not None
    return best


def _margins(layer: Layer, x: np.ndarray) -> np.ndarray:
    """By how much the largest pixel of each window is ahead of the next."""
    largest = np.sort(_windows(layer.problem, x.reshape(*layer.in_shape, -1)), axis=0)[-2:]
    with np.errstate(invalid="ignore"):
        margins: np.ndarray = largest[-1] - largest[0]
        return margins


def _windows(problem: Any, x: np.ndarray) -> np.ndarray:
    """The pixels of every window, one below the other; beyond the edge -inf."""
    (_, rows, columns), (kh, kw), (sh, sw), (dh, dw) = (
        problem.y_shape,
        problem.kernel_size,
        problem.stride,
        problem.dilation,
    )
    top, _, left, _ = problem.padding
    height, width = (rows - 1) * sh + (kh - 1) * dh + 1, (columns - 1) * sw + (kw - 1) * dw + 1
    padded = np.full((x.shape[0], max(height, top + x.shape[1]), max(width, left + x.shape[2]), x.shape[3]), -np.inf)
    padded[:, top : top + x.shape[1], left : left + x.shape[2]] = x
    taps = [
        padded[:, i * dh : i * dh + (rows - 1) * sh + 1 : sh, j * dw : j * dw + (columns - 1) * sw + 1 : sw]
        for i in range(kh)
        for j in range(kw)
    ]
    return np.stack(taps)
