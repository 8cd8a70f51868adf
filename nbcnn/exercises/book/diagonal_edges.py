"""A kernel that finds vertical edges, on an image with a diagonal one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.answer import Number
from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.engine import correlated, grid

KERNEL = np.array([[1, -1]])


class Setting(NamedTuple):
    """Rows and columns, and by how many columns the edge is shifted to the right."""

    size: int
    shift: int


@EXERCISES.register()
class DiagonalEdges(Exercise[Setting]):
    """How many outputs of the kernel [1 -1] are not zero on a diagonal edge."""

    number, title, chapter = 1, "A diagonal edge", "Kernels"

    def draw(self, rng: np.random.Generator) -> Setting:
        return Setting(int(rng.integers(5, 11)), int(rng.choice([-3, -2, 1, 2])))

    def question(self, setting: Setting) -> str:
        rows = "\n".join(grid(self._image(setting)))
        return (
            "The kernel [1 -1] subtracts from each pixel its right neighbour. It slides over this image, which has a "
            f"diagonal edge:\n{rows}\nHow many numbers of the output are not zero?"
        )

    def answer(self, setting: Setting) -> Number:
        return Number(0, setting.size * (setting.size - 1), whole=True)

    def run(self, setting: Setting, quick: bool) -> Outcome:
        n, y = setting.size, correlated(self._image(setting), KERNEL)
        found = int(np.count_nonzero(y))
        return Outcome(
            found,
            (f"the output, {y.shape[0]}×{y.shape[1]}:", *grid(y)),
            f"Each row that the edge crosses has one place where a 1 has a 0 on its right: {found} rows. In the other "
            f"{n - found} all neighbours are alike, because the edge lies outside of the image there, and the sum is "
            "0. The kernel finds vertical edges, and a diagonal one is a staircase of them.",
            {
                n: "One for each row would be right if the edge crossed all rows; in some rows all pixels are alike.",
                n - 1: "One for each row but one would be right for the main diagonal; this edge is shifted.",
                0: "A diagonal edge is vertical within each row: a pixel and its right neighbour differ there.",
            },
        )

    def _image(self, setting: Setting) -> np.ndarray:
        rows, columns = np.indices((setting.size, setting.size))
        return np.asarray(columns - rows <= setting.shift, np.float32)
