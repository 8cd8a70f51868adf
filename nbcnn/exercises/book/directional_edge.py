"""Kernels for edges in four directions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.choice import Choice
from nbcnn.exercises.engine import correlated, grid, in_one_line

KERNELS = (
    np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
    np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]]),
    np.array([[-2, -1, 0], [-1, 0, 1], [0, 1, 2]]),
    np.array([[0, 1, 2], [-1, 0, 1], [-2, -1, 0]]),
)
ALONG = ("to the right", "downwards", "down and to the right", "up and to the right")
STEPS = ((0, 1), (1, 0), (1, 1), (-1, 1))
"""In which direction, rows and columns, each kernel's numbers grow."""


class Setting(NamedTuple):
    """The direction in which the image becomes brighter, and its size."""

    direction: int
    size: int


@EXERCISES.register()
class DirectionalEdge(Exercise[Setting]):
    """Which of four kernels answers strongest to an edge."""

    number, title, chapter = 3, "The direction of an edge", "Kernels"

    def draw(self, rng: np.random.Generator) -> Setting:
        return Setting(int(rng.integers(4)), int(rng.integers(7, 10)))

    def question(self, setting: Setting) -> str:
        rows = "\n".join(grid(self._image(setting)))
        return (
            f"This image has one edge:\n{rows}\nWhich kernel gives the largest mean of |output| on it? (Rows of the "
            "kernels are separated by semicolons.)"
        )

    def answer(self, setting: Setting) -> Choice:
        return Choice(tuple((in_one_line(kernel),) for kernel in KERNELS))

    def run(self, setting: Setting, quick: bool) -> Outcome:
        means = [float(np.abs(correlated(self._image(setting), kernel)).mean()) for kernel in KERNELS]
        best = int(np.argmax(means))
        lines = [
            f"{in_one_line(kernel)}: mean |output| {mean:.3f}" for kernel, mean in zip(KERNELS, means, strict=True)
        ]
        return Outcome(
            best,
            tuple(lines),
            f"The image becomes brighter {ALONG[setting.direction]}, and the numbers of {in_one_line(KERNELS[best])} "
            "grow in the same direction: negative ones meet the dark side while positive ones meet the bright side, so "
            "nothing cancels.",
            {
                index: f"The numbers of {in_one_line(KERNELS[index])} grow {ALONG[index]}; across this edge a part of "
                "its sum cancels, or all."
                for index in range(4)
            },
        )

    def _image(self, setting: Setting) -> np.ndarray:
        middle = (setting.size - 1) / 2
        rows, columns = np.indices((setting.size, setting.size)) - middle
        down, right = STEPS[setting.direction]
        return np.asarray(down * rows + right * columns > 0, np.float32)
