"""What people give to load_state_dict: PyTorch's tensors, lists, whole checkpoints; all is taken, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nbcnn
from nbcnn.errors import CheckpointError
from nbcnn.runs.checkpoint import save_tensors
from nbcnn.training.model import Model

CONFIG = {
    "name": "t",
    "input": {"channels": 1, "height": 2, "width": 3},
    "layers": ["flatten", {"linear": {"out_features": 4}}],
}


class Tensor:
    """As much of PyTorch's as is asked of it: one that takes part in gradients, on another device."""

    def __init__(self, array: np.ndarray, kind: str = "float32", steps: tuple[str, ...] = ()) -> None:
        self._array, self._kind, self._steps = array, kind, steps

    def detach(self) -> Tensor:
        return Tensor(self._array, self._kind, (*self._steps, "detach"))

    def cpu(self) -> Tensor:
        return Tensor(self._array, self._kind, (*self._steps, "cpu"))

    def is_complex(self) -> bool:
        return "complex" in self._kind

    def is_floating_point(self) -> bool:
        return "float" in self._kind

    def float(self) -> Tensor:
        return Tensor(self._array.astype(np.float32), "float32", self._steps)

    def numpy(self) -> np.ndarray:
        if self._steps != ("detach", "cpu"):
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        if self._kind in ("bfloat16", "complex32", "qint8"):
            raise TypeError(f"Got unsupported ScalarType {self._kind}")
        return self._array

    def __array__(self, *_: Any) -> np.ndarray:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")


class Module:
    def state_dict(self) -> dict[str, np.ndarray]:
        return {}


@pytest.fixture
def net() -> Model:
    return nbcnn.load(CONFIG)


def state(net: Model) -> dict[str, np.ndarray]:
    """Numbers that float16 and bfloat16 hold too."""
    shapes = {name: tensor.shape for name, tensor in net.tensors.items()}
    return {name: np.arange(np.prod(shape), dtype=np.float32).reshape(shape) / 4 for name, shape in shapes.items()}


TAKEN: dict[str, Callable[[np.ndarray], Any]] = {
    "tensor": Tensor,
    "bfloat16": lambda value: Tensor(value.astype(np.float64), "bfloat16"),
    "list": np.ndarray.tolist,
    "list of whole numbers": lambda value: (0 * value).astype(int).tolist(),
    "float16": lambda value: value.astype(np.float16),
    "float64": lambda value: value.astype(np.float64),
    "big-endian": lambda value: value.astype(">f4"),
    "Fortran order": np.asfortranarray,
    "strided": lambda value: np.repeat(value, 2, axis=0)[::2],
    "read-only": lambda value: np.frombuffer(value.tobytes(), np.float32).reshape(value.shape),
    "memory not aligned": lambda value: (
        np.frombuffer(b"x" + value.tobytes(), np.uint8)[1:].view(np.float32).reshape(value.shape)
    ),
}


@pytest.mark.parametrize("kind", TAKEN)
def test_what_is_taken(net: Model, kind: str) -> None:
    wanted = state(net)
    net.load_state_dict({name: TAKEN[kind](value) for name, value in wanted.items()})
    for name, value in wanted.items():
        assert np.array_equal(net.tensors[name], 0 * value if "whole" in kind else value), name
    assert net(np.ones((1, 1, 2, 3), np.float32)).dtype == np.float32


REFUSED: dict[str, tuple[Callable[[dict[str, np.ndarray]], Any], str]] = {
    "nothing": (lambda _: None, r"^state dict: got NoneType; expected a mapping of names to arrays$"),
    "a list": (lambda s: list(s.items()), r"^state dict: got list; expected a mapping"),
    "a module": (lambda _: Module(), r"^state dict: got Module; give its state_dict\(\)$"),
    "a path": (lambda _: Path("w.safetensors"), r"^state dict: got PosixPath; a file is loaded by nbcnn\.load\(\.\.\., weights="),
    "numbered": (lambda s: dict(enumerate(s.values())), r"^state dict: 0 is no name of a tensor"),
    "a checkpoint": (
        lambda s: {"epoch": 3, "optimizer": {}, "state_dict": s},
        r"^state dict is a whole checkpoint, whose tensors are below 'state_dict'; give weights\['state_dict'\]$",
    ),
    "a checkpoint of a module": (lambda _: {"net": Module()}, r"below 'net'; give weights\['net'\]\.state_dict\(\)$"),
    "whole numbers": (lambda s: {k: v.astype(int) for k, v in s.items()}, r"1\.weight is int64 in the state dict; weights are"),
    "truths": (lambda s: {k: v > 0 for k, v in s.items()}, r"1\.weight is bool in the state dict"),
    "complex": (lambda s: {k: v + 0j for k, v in s.items()}, r"1\.weight is complex64 in the state dict"),
    "complex32": (lambda s: {k: Tensor(v, "complex32") for k, v in s.items()}, r"1\.weight can't be read as an array of numbers \(TypeError: Got"),
    "quantised": (lambda s: {k: Tensor(v, "qint8") for k, v in s.items()}, r"1\.weight can't be read as an array of numbers"),
    "ragged": (lambda s: {k: [[1.0], [2.0, 3.0]] for k in s}, r"state dict: 1\.weight can't be read as an array of numbers \(ValueError"),
    "text": (lambda s: dict.fromkeys(s, "1.5"), r"^state dict: 1\.weight holds no numbers, got str; expected an array of floats$"),
    "objects": (lambda s: {k: v.astype(object) for k, v in s.items()}, r"1\.weight holds no numbers, got ndarray"),
    "None": (lambda s: s | {"1.bias": None}, r"^state dict: 1\.bias holds no numbers, got NoneType"),
    "with gaps": (lambda s: {k: np.ma.masked_less(v, 1) for k, v in s.items()}, r"1\.weight is a masked array; fill its gaps"),
    "too large": (lambda s: {k: v.astype(np.float64) + 1e300 for k, v in s.items()}, r"^state dict: 1\.weight holds 1e\+300, more than float32 can"),
    "the last too large": (lambda s: s | {"1.bias": np.full(4, -4e38)}, r"1\.bias holds 4e\+38, more than float32 can"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_leaves_the_parameters_alone(net: Model, kind: str) -> None:
    make, sentence = REFUSED[kind]
    before = net.parameters.copy()
    with pytest.raises(CheckpointError, match=sentence):
        net.load_state_dict(make(state(net)))
    assert np.array_equal(net.parameters, before)


def test_a_network_of_float64_keeps_all_digits() -> None:
    net = Model(nbcnn.load(CONFIG).config, "float64")
    wanted = {name: np.full(tensor.shape, 1e300 / 3) for name, tensor in net.tensors.items()}
    net.load_state_dict(wanted)
    assert all(np.array_equal(net.tensors[name], value) for name, value in wanted.items())


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_wrong_numbers_in_a_file_are_told(net: Model, tmp_path: Path, wrong: float) -> None:
    save_tensors(tmp_path / "w", state(net) | {"1.bias": np.array([1, 2, wrong, 4], np.float32)}, {})
    with pytest.warns(
        RuntimeWarning, match=r"w: 1\.bias holds NaN or infinity, so what this network says means nothing$"
    ):
        nbcnn.load(CONFIG, weights=tmp_path / "w")
