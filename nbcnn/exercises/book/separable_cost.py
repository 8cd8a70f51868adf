"""Depthwise separable convolutions beside dense ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.answer import Number
from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.engine import macs_of, rows_of


class Setting(NamedTuple):
    """Input and output channels, and the kernel's side."""

    channels: int
    outputs: int
    kernel: int


@EXERCISES.register()
class SeparableCost(Exercise[Setting]):
    """How many times fewer multiplications a separable convolution takes."""

    number, title, chapter = 21, "Depthwise separable convolutions", "Channels"

    def draw(self, rng: np.random.Generator) -> Setting:
        return Setting(int(rng.choice([16, 32, 64])), int(rng.choice([16, 32, 64])), int(rng.choice([3, 5])))

    def question(self, setting: Setting) -> str:
        c, o, k = setting
        return (
            f"A convolution of {k}×{k} takes {c} channels to {o}. In its place stand two: one of {k}×{k} with {c} "
            f"groups, a kernel for each channel, then one of 1×1 that takes {c} channels to {o}. How many times fewer "
            "multiplications are that?"
        )

    def answer(self, setting: Setting) -> Number:
        return Number(1, 100, "times", close=1.03, far=2)

    def run(self, setting: Setting, quick: bool) -> Outcome:
        c, o, k = setting
        dense = [{"conv2d": {"out_channels": o, "kernel_size": k, "padding": k // 2}}]
        depthwise = {"conv2d": {"out_channels": c, "kernel_size": k, "padding": k // 2, "groups": c}}
        separable = [depthwise, {"conv2d": {"out_channels": o, "kernel_size": 1}}]
        shape = (c, 16, 16)
        one, two = macs_of(dense, shape), macs_of(separable, shape)
        return Outcome(
            round(one / two, 4),
            (
                f"dense: {one:,} multiply-accumulates an image of 16×16",
                *(f"separable, layer {n}: {row.macs:,}" for n, row in enumerate(rows_of(separable, shape), 1)),
            ),
            f"An output of the dense one costs {k * k}·{c}; of the pair {c} for the 1×1, and the depthwise outputs, "
            f"{k * k} each, are shared by all {o}: {k * k}·{c}·{o} / ({k * k}·{c} + {c}·{o}) = {one / two:.3g}. Time "
            "need not follow: the depthwise layer does little with each number that it reads, so memory sets its "
            "pace; nbcnn bench times both.",
            {
                k
                * k: "That would be right if the depthwise layer cost nothing: with very many outputs it is nearly so.",
                c: "That is what groups alone save; the 1×1 convolution, which mixes the channels, comes on top.",
                o: "That would be right if the 1×1 convolution cost nothing.",
            },
        )
