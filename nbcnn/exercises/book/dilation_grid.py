"""The pixels that dilated convolutions on top of each other meet."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.answer import Number
from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.engine import BACKEND, grid
from nbcnn.functional import conv2d_grad_input

STACKS = ((2, 2), (3, 3), (4, 4), (2, 2, 2), (1, 2), (1, 3), (2, 3), (1, 2, 4), (1, 4), (2, 4))


class Setting(NamedTuple):
    """The dilation of each 3×3 convolution, from the first to the last."""

    dilations: tuple[int, ...]


@EXERCISES.register()
class DilationGrid(Exercise[Setting]):
    """How many pixels one output of a dilated stack depends on."""

    number, title, chapter = 14, "The grid of dilation", "Padding and stride"

    def draw(self, rng: np.random.Generator) -> Setting:
        return Setting(STACKS[int(rng.integers(len(STACKS)))])

    def question(self, setting: Setting) -> str:
        apart = ", then ".join(f"dilation {d}" for d in setting.dilations)
        return (
            f"{len(setting.dilations)} convolutions of 3×3 follow each other, with {apart}. On how many pixels of the "
            "image does one output of the last depend?"
        )

    def answer(self, setting: Setting) -> Number:
        return Number(1, 400, "pixels", whole=True, close=1, far=2.5)

    def run(self, setting: Setting, quick: bool) -> Outcome:
        ones, gradient = np.ones((1, 1, 3, 3), np.float32), np.ones((1, 1, 1, 1), np.float32)
        for dilation in reversed(setting.dilations):
            side = gradient.shape[-1] + 2 * dilation
            gradient = conv2d_grad_input((1, 1, side, side), ones, gradient, dilation=dilation, backend=BACKEND)
        met = gradient[0, 0]
        found, side, layers = int(np.count_nonzero(met)), len(met), len(setting.dilations)
        columns = int(np.count_nonzero(met.any(axis=0)))
        row = int(np.flatnonzero(met.any(axis=1))[0])
        gaps = found < side * side
        return Outcome(
            found,
            (
                f"the gradient of one output, by the engine, in a window of {side}×{side}: {found} pixels are not zero",
                "in how many ways each pixel of its first row reaches the output:",
                *grid(met[row : row + 1]),
            ),
            f"In each direction the places are sums of one of -d, 0, d for each dilation d: {columns} different ones, "
            f"so {columns}² = {found} of the {side}² = {side * side} pixels. "
            + (
                "The others lie between the points of a grid that all layers share: dilations with a common factor, "
                "or that grow too fast, leave gaps."
                if gaps
                else "Here the sums fill the window without a gap: that is why dilations are made to grow from 1."
            ),
            {
                side**2: f"The window is {side}×{side}, but not all of its pixels are met.",
                (2 * layers + 1)
                ** 2: "That is right for equal dilations, where many sums coincide; here more places are different.",
                9**layers: "Many ways lead to the same pixel, which counts once.",
                9 * layers: "The layers are on top of each other: each tap of the last sees a whole window of the one "
                "before.",
            },
        )
