"""The cost of more padding."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.answer import Number
from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.engine import macs_of


class Setting(NamedTuple):
    """Side of the image, the kernel's side, and the padding before it is doubled."""

    size: int
    kernel: int
    padding: int


@EXERCISES.register()
class PaddingCost(Exercise[Setting]):
    """By how many percent multiplications grow when padding is doubled."""

    number, title, chapter = 11, "The cost of padding", "Padding and stride"

    def draw(self, rng: np.random.Generator) -> Setting:
        kernel = int(rng.choice([3, 5, 7]))
        return Setting(int(rng.choice([8, 12, 14, 16, 20, 28])), kernel, kernel // 2)

    def question(self, setting: Setting) -> str:
        n, k, p = setting
        return (
            f"conv2d with kernel_size {k} and padding {p} computes {n}×{n} outputs of an image of {n}×{n}. The "
            f"padding is doubled, to {2 * p}; all else stays. By how many percent does the number of multiplications "
            "grow?"
        )

    def answer(self, setting: Setting) -> Number:
        return Number(0, 500, "%", close=1.05, far=3)

    def run(self, setting: Setting, quick: bool) -> Outcome:
        n, k, p = setting
        before, after = (
            macs_of([{"conv2d": {"out_channels": 4, "kernel_size": k, "padding": pad}}], (3, n, n))
            for pad in (p, 2 * p)
        )
        m = n + 2 * p
        return Outcome(
            round(100 * (after / before - 1), 3),
            (
                f"padding {p}: {before:,} multiply-accumulates an image (3 to 4 channels)",
                f"padding {2 * p}: {after:,}, {after / before:.3f} times as many",
            ),
            f"Each output costs the same, so the outputs decide: {m}×{m} in place of {n}×{n}, {m * m} in place of "
            f"{n * n}. Padding is cheap on large images and dear on small ones; and most of what is added is products "
            "with zeros.",
            {
                100: "Twice the padding is not twice the image: only the border grows.",
                round(100 * (m / n - 1), 3): "So much the side grows; the outputs grow with its square.",
                round(
                    100 * ((m + 2 * p) ** 2 / n**2 - 1), 3
                ): "Padding grows by as much as there was before, not by twice that.",
            },
        )
