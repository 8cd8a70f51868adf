"""Dense layers hold the parameters, convolutions do the work."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nbcnn.exercises.answer import Number
from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.engine import rows_of


class Setting(NamedTuple):
    """Side of the image, and the output channels of the two convolutions."""

    size: int
    first: int
    second: int


@EXERCISES.register()
class DenseShare(Exercise[Setting]):
    """The share of LeNet's parameters that its linear layers have."""

    number, title, chapter = 27, "Dense against convolutional", "LeNet"

    def draw(self, rng: np.random.Generator) -> Setting:
        width = int(rng.choice([1, 2, 4]))
        return Setting(int(rng.choice([16, 20, 28, 36])), 6 * width, 16 * width)

    def question(self, setting: Setting) -> str:
        size, first, second = setting
        return (
            f"LeNet on images of {size}×{size}: a convolution of 5×5 to {first} channels with padding 2, pooling by "
            f"2, a convolution of 5×5 to {second}, pooling by 2, then linear layers with 120, 84 and 10 outputs. How "
            "many percent of its parameters are in the linear layers?"
        )

    def answer(self, setting: Setting) -> Number:
        return Number(0, 100, "%", ratio=False, close=3, far=40)

    def run(self, setting: Setting, quick: bool) -> Outcome:
        size, first, second = setting
        pool: Any = {"avg_pool2d": {"kernel_size": 2}}
        convs: list[Any] = [{"conv2d": {"out_channels": first, "kernel_size": 5, "padding": 2}}, "sigmoid", pool]
        convs += [{"conv2d": {"out_channels": second, "kernel_size": 5}}, "sigmoid", pool]
        dense: list[Any] = ["flatten"]
        for outputs in (120, 84, 10):
            dense += [{"linear": {"out_features": outputs}}, *["sigmoid"] * (outputs != 10)]
        rows = rows_of([*convs, *dense], (1, size, size))
        linear = [row for row in rows if row.layer == "linear"]
        parameters, macs = (sum(getattr(row, what) for row in rows) for what in ("parameters", "macs"))
        theirs, work = (sum(getattr(row, what) for row in linear) for what in ("parameters", "macs"))
        return Outcome(
            round(100 * theirs / parameters, 3),
            (
                *(
                    f"{row.layer}: {row.parameters:,} parameters, {row.macs:,} multiply-accumulates"
                    for row in rows
                    if row.macs
                ),
                f"linear layers: {theirs / parameters:.1%} of the parameters, {work / macs:.1%} of the multiplications",
            ),
            f"The first linear layer alone has a weight for each of its {linear[0].parameters // 120 - 1} inputs and "
            f"120 outputs: {linear[0].parameters / parameters:.0%} of all. A kernel has few weights and uses them at "
            "every place, so convolutions take most of the work instead. Networks without that layer (global "
            "pooling) are much smaller.",
            {
                round(100 * work / macs, 3): "That is their share of the multiplications.",
                round(100 - 100 * theirs / parameters, 3): "That is the share of the convolutions.",
            },
        )
