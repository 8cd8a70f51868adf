"""Padding ops, with zeros and by reflection: their problem, and the base class of their definitions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from nbcnn.kernels.image_ops import ImageOp, ImageProblem
from nbcnn.kernels.op import OnnxNode
from nbcnn.kernels.shapes import Sides

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Pad2dProblem(ImageProblem):
    """(C, H, W) to (C, top + H + bottom, left + W + right). Padding here: top, bottom, left, right."""

    padding: Sides

    @property
    def y_shape(self) -> tuple[int, ...]:
        """(C, OH, OW)"""
        top, bottom, left, right = self.padding
        return (self.channels, top + self.height + bottom, left + self.width + right)

    @property
    def words(self) -> str:
        same = len(set(self.padding)) == 1
        return f"+{self.padding[0]}" if same else "+" + ",".join(map(str, self.padding))

    def reach(self, axis: int, first: Any, last: Any) -> tuple[Any, Any]:
        before = self.padding[2 * axis]
        return first - before, last - before


class PaddingOp(ImageOp):
    """Numbers around each image. ``mode`` is ONNX's word for which."""

    problem = Pad2dProblem
    onnx = "Pad"
    mode: str

    def paddings(self) -> Iterable[Sides]:
        """Those of the grid."""
        return product((1, 0, 2), (2, 0), (0, 1), (1, 2, 0))

    def problems(self) -> list[ImageProblem]:
        sizes = ((4, 3), (5, 7), (8, 3))
        made = [(sizes[number % 3], padding) for number, padding in enumerate(self.paddings())]
        return [self.problem(self.name, 2, *size, padding) for size, padding in made]

    def arguments(self, problem: Pad2dProblem) -> dict[str, Any]:
        top, bottom, left, right = problem.padding
        return {"padding": [left, right, top, bottom]}

    def onnx_nodes(self, step: dict[str, Any]) -> list[OnnxNode]:
        left, right, top, bottom = step["arguments"]["padding"]
        return [OnnxNode("Pad", ("x", [0, 0, top, left, 0, 0, bottom, right]), {"mode": self.mode})]


def reflections(size: int, before: int, outputs: np.ndarray) -> np.ndarray:
    """The rows of an image of ``size`` that padded rows show, with ``before`` rows above the first."""
    import numpy as np

    rows = np.abs(outputs - before)
    return np.unique(np.where(rows >= size, 2 * (size - 1) - rows, rows))
