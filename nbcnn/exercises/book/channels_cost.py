"""The cost of wider layers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.answer import Number
from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.engine import macs_of


class Setting(NamedTuple):
    """Channels of the image, of the layers, how many layers, and the factor of all widths."""

    image: int
    width: int
    layers: int
    factor: int


@EXERCISES.register()
class ChannelsCost(Exercise[Setting]):
    """How many times the multiplications when all layers are twice as wide."""

    number, title, chapter = 18, "The cost of channels", "Channels"

    def draw(self, rng: np.random.Generator) -> Setting:
        return Setting(
            int(rng.choice([1, 3])), int(rng.choice([4, 6, 8])), int(rng.choice([2, 3])), int(rng.choice([2, 3]))
        )

    def question(self, setting: Setting) -> str:
        image, width, layers, factor = setting
        times = {2: "twice", 3: "three times"}[factor]
        return (
            f"{layers} convolutions (kernel_size 3, padding 1) with {width} output channels each follow each other on "
            f"an image of 16×16 with {image} channel{'s' * (image > 1)}. All are made {times} as wide, with "
            f"{factor * width} output channels. How many times as many multiplications is that?"
        )

    def answer(self, setting: Setting) -> Number:
        return Number(1, 30, "times", close=1.02, far=2)

    def run(self, setting: Setting, quick: bool) -> Outcome:
        image, width, layers, factor = setting
        before, after = (
            [
                macs_of([{"conv2d": {"out_channels": c, "kernel_size": 3, "padding": 1}}], (given, 16, 16))
                for given in (image, *[c] * (layers - 1))
            ]
            for c in (width, factor * width)
        )
        found = sum(after) / sum(before)
        return Outcome(
            round(found, 4),
            (
                *(
                    f"layer {number}: {one:,} multiply-accumulates, wider {other:,}, {other / one:g} times"
                    for number, (one, other) in enumerate(zip(before, after, strict=True), 1)
                ),
                f"in all {sum(before):,} and {sum(after):,}",
            ),
            f"A layer costs input channels times output channels. Between wide layers both grow, {factor}² = "
            f"{factor**2} times; the first layer's input is the image and stays, {factor} times. So does the memory "
            f"of outputs: {factor} times.",
            {
                factor: f"Each layer has {factor} times as many outputs, and all but the first sum {factor} times as "
                f"many inputs.",
                factor**2: "All layers but the first: the image's channels stay as they are.",
                factor ** (layers + 1): "The layers' costs are added, not multiplied.",
            },
        )
