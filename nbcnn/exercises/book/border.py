"""Zero padding darkens the border."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.answer import Number
from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.engine import correlated, grid, number_of


class Setting(NamedTuple):
    """The kernel's side, the grey level of the image, and whether the corner is asked for or the middle of a side."""

    kernel: int
    level: int
    corner: bool


@EXERCISES.register()
class Border(Exercise[Setting]):
    """The value of a blurred constant image at its border, with zero padding."""

    number, title, chapter = 8, "Zeros at the border", "Kernels"

    def draw(self, rng: np.random.Generator) -> Setting:
        return Setting(int(rng.choice([3, 5, 7])), int(rng.choice([45, 90, 135, 180, 225])), bool(rng.integers(2)))

    def question(self, setting: Setting) -> str:
        k = setting.kernel
        where = "in a corner" if setting.corner else "in the middle of the upper side"
        return (
            f"All pixels of an image of 12×12 are {setting.level}. A kernel of {k}×{k} with the weights 1/{k * k} "
            f"blurs it, with zero padding of {k // 2} on each side. What is the output {where}?"
        )

    def answer(self, setting: Setting) -> Number:
        return Number(0, 255, close=1.02, far=2)

    def run(self, setting: Setting, quick: bool) -> Outcome:
        k, level = setting.kernel, setting.level
        y = correlated(np.full((12, 12), level), np.full((k, k), 1 / k**2), padding=k // 2)
        met = k // 2 + 1
        corner, side = float(y[0, 0]), float(y[0, 6])
        truth = corner if setting.corner else side
        inside = met * met if setting.corner else met * k
        return Outcome(
            round(truth, 3),
            ("the output's upper left corner:", *grid(y[:5, :5], 1)),
            f"The window has {k * k} places, of which {inside} lie on the image and the others on zeros: "
            f"{inside}/{k * k} of {level} is {number_of(level * inside / k**2)}. So a network can see where the "
            "border is.",
            {
                level: "A mean of equal pixels is that pixel, but the zeros of the padding are averaged too.",
                round(
                    side if setting.corner else corner, 3
                ): "That is the output at the other place: in a corner zeros "
                "come from two sides, in the middle of a side from one.",
            },
        )
