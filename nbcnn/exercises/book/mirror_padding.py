"""Mirror padding in place of zeros."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.answer import Number
from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.engine import correlated, grid, model, number_of

WIDTH = 12


class Setting(NamedTuple):
    """The kernel's side, the value of the first column, and by how much the columns rise."""

    kernel: int
    first: int
    step: int


@EXERCISES.register()
class MirrorPadding(Exercise[Setting]):
    """The value of a blurred ramp at its left border, with mirror padding."""

    number, title, chapter = 9, "Mirror padding", "Padding and stride"

    def draw(self, rng: np.random.Generator) -> Setting:
        return Setting(int(rng.choice([3, 5, 7])), int(rng.integers(10, 60)), int(rng.integers(2, 9)))

    def question(self, setting: Setting) -> str:
        k, values = setting.kernel, [setting.first + setting.step * j for j in range(5)]
        return (
            f"Each row of an image is {', '.join(map(str, values))}, ... A kernel of 1×{k} with the weights 1/{k} "
            f"blurs it, after reflect_pad2d has mirrored {k // 2} columns on each side (the first column itself is "
            "not repeated). What is the output in the first column?"
        )

    def answer(self, setting: Setting) -> Number:
        return Number(0, 200, ratio=False, close=0.05 * setting.step, far=max(10, 2 * setting.step))

    def run(self, setting: Setting, quick: bool) -> Outcome:
        k, pad = setting.kernel, setting.kernel // 2
        row = np.float32(setting.first) + np.float32(setting.step) * np.arange(WIDTH, dtype=np.float32)
        x, blur = np.tile(row, (4, 1)), np.full((1, k), 1 / k, np.float32)
        padded = model([{"reflect_pad2d": {"padding": [pad, pad, 0, 0]}}], (1, 4, WIDTH))(x[None, None])[0, 0]
        y, zeros = correlated(padded, blur)[0], correlated(x, blur, padding=(0, pad))[0]
        repeated = correlated(np.pad(x, ((0, 0), (pad, pad)), "edge"), blur)[0]
        mirrored = ", ".join(f"{value:g}" for value in padded[0, :k])
        return Outcome(
            round(float(y[0]), 3),
            (
                f"a row after reflect_pad2d begins with {mirrored}",
                "the outputs of the first columns with mirror padding, zero padding, repeated border:",
                *grid(np.stack([y[:5], zeros[:5], repeated[:5]]), 2),
            ),
            f"The first window holds {mirrored}: their mean is {number_of(float(y[0]))}. No zeros come in, so the "
            "border keeps its brightness, but a ramp is bent: it falls and rises again where it is mirrored.",
            {
                round(float(zeros[0]), 3): "That is what zero padding gives: its zeros darken the border.",
                round(float(repeated[0]), 3): "That would be right if the first column itself were repeated.",
                setting.first: "The mirrored columns are larger than the first one, so the mean is too.",
            },
        )
