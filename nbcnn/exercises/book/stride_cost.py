"""The cost of a strided convolution, and of what follows it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.answer import Number
from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.engine import rows_of
from nbcnn.introspect.summary import Row


class Setting(NamedTuple):
    """Side of the image, channels, and the stride."""

    size: int
    channels: int
    stride: int


@EXERCISES.register()
class StrideCost(Exercise[Setting]):
    """The multiplications of two convolutions when the second has a stride."""

    number, title, chapter = 12, "The cost of a stride", "Padding and stride"

    def draw(self, rng: np.random.Generator) -> Setting:
        return Setting(int(rng.choice([24, 36, 48])), int(rng.choice([8, 16, 32])), int(rng.choice([2, 3, 4])))

    def question(self, setting: Setting) -> str:
        n, c, s = setting
        return (
            f"Three convolutions (kernel_size 3, padding 1, {c} channels in and out) follow each other on an image of "
            f"{n}×{n}. Now the second one gets stride {s}. How many percent of the multiplications are left in all?"
        )

    def answer(self, setting: Setting) -> Number:
        return Number(0, 100, "%", close=1.03, far=2)

    def run(self, setting: Setting, quick: bool) -> Outcome:
        s = setting.stride
        dense, strided = (self._rows(setting, step) for step in (1, s))
        before, after = sum(row.macs for row in dense), sum(row.macs for row in strided)
        each = 1 / s**2
        return Outcome(
            round(100 * after / before, 3),
            (
                *(
                    f"{row.layer} to {'×'.join(map(str, row.out_shape))}: {row.macs:,} multiply-accumulates"
                    for row in strided
                ),
                f"in all {after:,} of {before:,}, {after / before:.1%}",
            ),
            f"The strided layer computes one of {s * s} outputs, and the third sees an image {s} times smaller on "
            f"each side: both cost 1/{s * s}. The first stays: (1 + 2/{s * s})/3. The earlier a network shrinks its "
            "images, the more it saves.",
            {
                round(100 * (2 + each) / 3, 3): "The third layer gets cheaper too: its image is smaller.",
                round(100 * each, 3): "The first layer comes before the stride, and costs what it did.",
                round(
                    100 * (1 + 2 / s) / 3, 3
                ): f"A stride of {s} leaves out rows and columns: 1/{s * s} is left, not 1/{s}.",
            },
        )

    def _rows(self, setting: Setting, step: int) -> list[Row]:
        n, c, _ = setting
        conv = {"out_channels": c, "kernel_size": 3, "padding": 1}
        return rows_of([{"conv2d": {**conv, "stride": stride}} for stride in (1, step, 1)], (c, n, n))
