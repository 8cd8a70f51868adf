"""The op reflect_pad2d: equation (47) of docs/math.md."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from nbcnn.kernels.op import Arrays
from nbcnn.kernels.ops import OPS
from nbcnn.kernels.padding import Pad2dProblem, PaddingOp, reflections
from nbcnn.kernels.shapes import Sides

if TYPE_CHECKING:
    import numpy as np


class ReflectPad2dProblem(Pad2dProblem):
    """Each side is below the image's size, so that one reflection is enough."""

    def seen(self, axis: int, outputs: np.ndarray) -> np.ndarray:
        return reflections(self.x_shape[1 + axis], self.padding[2 * axis], outputs)


@OPS.register("reflect_pad2d")
class ReflectPad2d(PaddingOp):
    """Reflections of each image around it."""

    problem = ReflectPad2dProblem
    torch = "ReflectionPad2d"
    mode = "reflect"

    def paddings(self) -> Iterable[Sides]:
        return [*super().paddings(), (3, 3, 2, 2), (3, 3, 2, 2), (7, 7, 2, 2)]

    def oracle(self, problem: Pad2dProblem, inputs: Arrays) -> Arrays:
        from nbcnn.kernels.oracle import images, pack
        from nbcnn.kernels.reflect_pad2d import oracle

        p, x, dy = problem, images(inputs["x"]), images(inputs["dy"])
        dx = oracle.reflect_pad2d_grad(dy, (p.height, p.width), p.padding)
        return {"y": pack(oracle.reflect_pad2d(x, p.padding)), "dx": pack(dx)}

    def terms(self, problem: Pad2dProblem) -> dict[str, int]:
        return {"y": 1, "dx": 9}  # itself and a reflection on either side, along both axes
