"""Stripes that are too fine for a stride come out as other stripes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.answer import Number
from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.engine import correlated
from nbcnn.util.formatting import counted

WIDTH = 48


class Setting(NamedTuple):
    """Bright stripes over the width of the image, and the stride."""

    stripes: int
    stride: int


@EXERCISES.register()
class StrideAliasing(Exercise[Setting]):
    """How many stripes are seen after a stride."""

    number, title, chapter = 13, "Aliasing", "Padding and stride"

    def draw(self, rng: np.random.Generator) -> Setting:
        stride = int(rng.choice([2, 3, 4]))
        left = WIDTH // stride  # outputs: up to left / 2 stripes can be told apart
        return Setting(int(rng.integers(left // 2 + 1, min(left, WIDTH // 2))), stride)

    def question(self, setting: Setting) -> str:
        return (
            f"{setting.stripes} stripes, brighter and darker as a cosine, stand side by side on {WIDTH} columns. "
            f"conv2d with a 1×1 kernel and stride {setting.stride} keeps every "
            f"{setting.stride}{_ending(setting.stride)} column. How many stripes has its output?"
        )

    def answer(self, setting: Setting) -> Number:
        return Number(0, WIDTH, "stripes", whole=True, ratio=False, close=0, far=6)

    def run(self, setting: Setting, quick: bool) -> Outcome:
        f, s = setting
        row = np.cos(2 * np.pi * f * np.arange(WIDTH) / WIDTH)
        sampled = correlated(np.tile(row, (s, 1)), np.ones((1, 1)), stride=s)[0]
        blurred = correlated(np.tile(np.r_[row, row[: s - 1]], (s, 1)), np.full((1, s), 1 / s), stride=s)[0]
        found, before = _strongest(sampled), _strongest(row)
        kept = WIDTH // s
        values = " ".join(f"{value:.1f}" for value in np.round(sampled[:8], 1) + 0.0)
        left = f"{np.abs(blurred).max():.2f} of a height of 1"
        return Outcome(
            found,
            (
                f"before: {counted(before, 'stripe')} in {WIDTH} numbers",
                f"after: {counted(found, 'stripe')} in {kept} numbers: {values} ...",
                f"after a mean over {s} columns before the stride: the stripes have {left} left",
            ),
            f"{kept} numbers can show {kept // 2} stripes at most. {f} are more, and at the columns that are kept "
            f"they have the values of |{f} - {kept}| = {counted(abs(f - kept), 'stripe')}: nobody can tell them apart "
            "any more. Blurring first makes the false stripes weaker; that is what blur_pool is for.",
            {
                f: f"{f} stripes need at least {2 * f} numbers, and {kept} are left.",
                round(f / s): "The stripes are not thinned out: each column that is kept lies elsewhere on its stripe.",
                kept // 2: "So many could be told apart at most; finer ones are folded back to fewer.",
            },
        )


def _strongest(row: np.ndarray) -> int:
    return int(np.argmax(np.abs(np.fft.rfft(row))))


def _ending(number: int) -> str:
    return {2: "nd", 3: "rd"}.get(number, "th")
