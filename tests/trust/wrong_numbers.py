"""What the tests of wrong numbers share: a network of every layer, images that know their index, and spoilt kernels.

The first pixel of an image is its index, so that a kernel in the same thread knows which images are in its pack, and a
fault can be planted in one image, whatever the order, the pack and the thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nbcnn.config import Config, load_config
from nbcnn.data import Dataset
from nbcnn.data.dataset import Split
from nbcnn.errors import TrainingError
from nbcnn.kernels import registry
from nbcnn.kernels.contract import ParameterFreeKernels, WeightedKernels
from nbcnn.kernels.cross_entropy.op import LossKernels
from nbcnn.kernels.registry import backend
from nbcnn.training.model import Model
from nbcnn.training.trainer import Trainer

OPS = ("conv2d", "linear", "relu", "sigmoid", "tanh", "max_pool2d", "avg_pool2d")
LAYERS = """\
  - conv2d: {out_channels: 2, kernel_size: 3, padding: 1}
  - relu
  - max_pool2d: {kernel_size: 2}
  - conv2d: {out_channels: 3, kernel_size: 3}
  - sigmoid
  - avg_pool2d: {kernel_size: 2}
  - tanh
  - flatten
  - linear: {out_features: 7}
  - linear: {out_features: 4}
"""
SIZE, IMAGES, CLASSES = 12, 120, 4

PLANTED = "{" + ", ".join(f"{op}: planted" for op in OPS) + "}"
BATCH = 40  # packs of 16, 16 and 8 images
FIRST, LATER = 5, 35
"""Places in a batch: in its first pack, in its last."""

# The arrays of each kernel: those that go in, then those that come out.
ARRAYS = {
    (WeightedKernels, "forward"): (3, ["outputs"]),
    (WeightedKernels, "grad_input"): (2, ["gradients of its inputs"]),
    (WeightedKernels, "grad_weight"): (2, ["gradients of its weights", "gradients of its biases"]),
    (ParameterFreeKernels, "forward"): (1, ["outputs"]),
    (ParameterFreeKernels, "grad_input"): (3, ["gradients of its inputs"]),
    (LossKernels, "forward"): (2, ["losses"]),
    (LossKernels, "grad_input"): (3, ["gradients of its inputs"]),
}


@dataclass
class Fault:
    """``value`` at ``count`` places of the output of one kernel, where ``image`` is in the pack and in its lane."""

    problem: Any
    direction: str
    image: int
    value: float = np.nan
    count: int = 3
    output: int = 0
    lane: int | None = None
    made: list[dict[str, Any]] = field(default_factory=list)

    def strike(self, inputs: tuple[np.ndarray, ...], out: np.ndarray, lane: int, summed: bool) -> None:
        """Spoil the output, and note what a message has to say of it."""
        column = out.reshape(-1) if summed else out.reshape(-1, 16)[:, lane if self.lane is None else self.lane]
        column[np.linspace(0, column.size - 1, min(self.count, column.size)).astype(int)] = self.value
        self.made.append({"inputs": [one.copy() for one in inputs], "out": out.copy()})


class Planter:
    """Wraps the ``direct`` backends so that faults, by layer and direction, strike."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self._pack = threading.local()

    def backend(self, op: str) -> type:
        """A backend class like ``direct``."""
        direct, planter = type(backend(op, "direct")), self

        class Planted(direct):  # type: ignore[misc, valid-type]
            def build(self, problem: Any) -> Any:
                kernels = super().build(problem)
                kind = type(kernels)
                wrapped = {name: planter.wrapped(problem, kind, name, one) for name, one in kernels._asdict().items()}
                return kind(**wrapped)

        return Planted

    def wrapped(self, problem: Any, kind: type, direction: str, kernel: Callable[..., None]) -> Callable[..., None]:
        """The kernel, and the faults that are planted in it."""
        inputs, first = ARRAYS[kind, direction][0], getattr(problem, "x_shape", ()) == (1, SIZE, SIZE)

        def call(*arrays: np.ndarray) -> None:
            if first and direction == "forward":
                self._pack.images = np.rint(arrays[0][0, 0, 0] * 255).astype(int).tolist()
            kernel(*arrays)
            for fault in self.faults:
                images = self._pack.images
                if fault.problem == problem and fault.direction == direction and fault.image in images:
                    out = arrays[inputs + fault.output]
                    fault.strike(arrays[:inputs], out, images.index(fault.image), direction == "grad_weight")

        return call


def split(seed: int) -> Split:
    """Images whose first pixel is their index from 1: blank lanes of a pack have 0 there."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (IMAGES, 1, SIZE, SIZE)).astype(np.uint8)
    images[:, 0, 0, 0] = np.arange(IMAGES) + 1
    return Split(images, random.integers(0, CLASSES, IMAGES))


def dataset() -> Dataset:
    return Dataset("numbers", split(1), split(2), tuple("abcd"), "a test")


def config(folder: Path, layers: str = LAYERS, backends: str = "{}", **train: Any) -> Config:
    """Written to a file, so that layers have lines; ``train`` is what its section holds besides."""
    options = "".join(
        f", {key}: {value}" for key, value in {"epochs": 1, "optimizer": "{sgd: {lr: 0.01}}", **train}.items()
    )
    head = f"name: numbers\ninput: {{channels: 1, height: {SIZE}, width: {SIZE}}}\nlayers:\n"
    file = folder / "numbers.yaml"
    file.write_text(f"{head}{layers}backends: {backends}\ntrain: {{seed: 3{options}}}\n")
    return load_config(file)


def place(folder: Path, index: int) -> str:
    """Where a message says that a layer of ``LAYERS`` stands."""
    kind = LAYERS.splitlines()[index].strip("- ").partition(":")[0]
    return f"{folder / 'numbers.yaml'}:{index + 4}:5: layers[{index}].{kind}"


@pytest.fixture(name="planter")
def planted_backends(monkeypatch: pytest.MonkeyPatch) -> Iterator[Planter]:
    """Backends ``planted`` of all ops, and the loss, in which faults may be planted."""
    made = Planter()
    wrapped = {op: made.backend(op) for op in (*OPS, "cross_entropy")}
    for op, kind in wrapped.items():
        name = "direct" if op == "cross_entropy" else "planted"
        monkeypatch.setitem(registry.backends(op)._things, name, kind)
    registry.backend.cache_clear()
    registry.prepare.cache_clear()
    yield made
    monkeypatch.undo()
    registry.backend.cache_clear()
    registry.prepare.cache_clear()


def trainer(config: Any) -> Trainer:
    made = Trainer(Model(config), dataset())
    return made


def order(step: int) -> np.ndarray:
    """The images of a step, from 1, not in their own order."""
    return np.random.default_rng(step).permutation(np.arange((step - 1) * BATCH, step * BATCH))


def failure(made: Trainer, steps: int = 1, done: int = 0) -> list[str]:
    """The lines of what the last step raises; those before go well, and the weights are still theirs."""
    try:
        for step in range(done + 1, steps):
            made.step(order(step))
        before = made.network.parameters.copy()
        with pytest.raises(TrainingError) as caught:
            made.step(order(steps))
    finally:
        made.close()
    assert made.network.parameters.tobytes() == before.tobytes()
    assert f" at step {steps} (epoch 1), so training stopped; there is no checkpoint yet" in str(caught.value)
    return str(caught.value).splitlines()


def largest(array: np.ndarray) -> str:
    """The largest magnitude of the finite numbers, by Python's own max."""
    return f"{max((abs(float(v)) for v in array.reshape(-1) if abs(float(v)) < np.inf), default=0.0):.2g}"


def others(array: np.ndarray) -> str:
    return f"the largest of the others is {largest(array)}" if np.isfinite(array).any() else "none is left"
