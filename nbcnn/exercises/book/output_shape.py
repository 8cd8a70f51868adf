"""Rows and columns of a convolution's output."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

import numpy as np

from nbcnn.exercises.answer import Number
from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.engine import correlated


class Setting(NamedTuple):
    """Side of the image, and the arguments of conv2d."""

    size: int
    kernel: int
    padding: int
    stride: int
    dilation: int


@EXERCISES.register()
class OutputShape(Exercise[Setting]):
    """The output's side from image, kernel, padding, stride and dilation."""

    number, title, chapter = 10, "The shape of an output", "Padding and stride"

    def draw(self, rng: np.random.Generator) -> Setting:
        while True:
            kernel, stride = int(rng.choice([3, 5, 7])), int(rng.choice([2, 3]))
            one = Setting(
                int(rng.integers(20, 65)),
                kernel,
                int(rng.integers(kernel // 2 + 1)),
                stride,
                int(rng.choice([1, 1, 2])),
            )
            if (one.size + 2 * one.padding - one.dilation * (kernel - 1) - 1) % stride:  # so that something is dropped
                return one

    def question(self, setting: Setting) -> str:
        apart = f", dilation {setting.dilation}" if setting.dilation > 1 else ""
        return (
            f"An image of {setting.size}×{setting.size} goes through conv2d with kernel_size {setting.kernel}, "
            f"padding {setting.padding}, stride {setting.stride}{apart}. How many rows has the output?"
        )

    def answer(self, setting: Setting) -> Number:
        return Number(0, 100, "rows", whole=True, ratio=False, close=0, far=4)

    def run(self, setting: Setting, quick: bool) -> Outcome:
        n, k, p, s, d = setting
        y = correlated(np.ones((n, n)), np.ones((k, k)), padding=p, stride=s, dilation=d)
        reach, room = d * (k - 1) + 1, n + 2 * p - d * (k - 1) - 1
        left = room % s
        mistakes: dict[float, str] = {
            ceil(room / s)
            + 1: "That rounds up. A window that would begin in the image and end outside of it is left out.",
            room // s: "The first window has no step before it: steps, and 1 more.",
            ceil((n + 2 * p) / s): "That leaves out the kernel: the last windows would end outside of the image.",
            (n + p - reach) // s + 1: f"The padding of {p} is added on both sides, {2 * p} in all.",
            (n + 2 * p - k) // s + 1: f"With dilation {d} the kernel reaches over {reach} pixels, not {k}.",
            room + 1: f"So many places there are at stride 1; every {s}{'nd' if s == 2 else 'rd'} is taken.",
        }
        return Outcome(
            len(y),
            (
                f"the engine's output has {y.shape[0]}×{y.shape[1]} numbers",
                f"⌊({n} + 2·{p} - {d}·({k} - 1) - 1) / {s}⌋ + 1 = ⌊{room} / {s}⌋ + 1 = {room // s} + 1",
            ),
            f"The first window takes {reach} of the {n + 2 * p} rows, padding included; {room} are left, and each "
            f"step takes {s}. That makes {room // s} steps and {left} row{'s' * (left > 1)} that no window reaches, "
            "which the floor drops.",
            mistakes,
        )
