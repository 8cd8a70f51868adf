"""Grouped convolutions and block-diagonal matrices."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.answer import Number
from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.engine import BACKEND, grid, parameters_of
from nbcnn.functional import conv2d


class Setting(NamedTuple):
    """Input and output channels, groups, and the kernel's side."""

    channels: int
    outputs: int
    groups: int
    kernel: int


@EXERCISES.register()
class GroupedCost(Exercise[Setting]):
    """How many weights a grouped convolution has."""

    number, title, chapter = 20, "Groups", "Channels"

    def draw(self, rng: np.random.Generator) -> Setting:
        groups = int(rng.choice([2, 4]))
        return Setting(
            groups * int(rng.choice([2, 3, 4])), groups * int(rng.choice([2, 3, 4])), groups, int(rng.choice([1, 3]))
        )

    def question(self, setting: Setting) -> str:
        c, o, g, k = setting
        return (
            f"conv2d takes {c} channels to {o} with kernel_size {k} and groups {g}, without bias: the channels are "
            f"cut into {g} groups, and each group's outputs see that group's inputs alone. How many weights has it?"
        )

    def answer(self, setting: Setting) -> Number:
        c, o, _, k = setting
        return Number(1, 4 * c * o * k * k, "weights", whole=True, close=1, far=2.5)

    def run(self, setting: Setting, quick: bool) -> Outcome:
        c, o, g, k = setting
        conv = {"out_channels": o, "kernel_size": k, "bias": False, "padding": k // 2}
        grouped, dense = (parameters_of([{"conv2d": {**conv, "groups": groups}}], (c, 8, 8)) for groups in (g, 1))
        x = np.eye(c, dtype=np.float32)[:, :, None, None]  # one image for each channel, with a 1 there
        matrix = conv2d(x, np.ones((o, c // g, 1, 1), np.float32), groups=g, backend=BACKEND)[:, :, 0, 0].T
        return Outcome(
            grouped,
            (
                f"groups 1: {dense:,} weights, groups {g}: {grouped:,}",
                "which output (row) sees which input (column), asked of the engine with a kernel of ones, 1×1:",
                *grid(matrix),
            ),
            f"Each of the {o} outputs sums {c}/{g} = {c // g} channels over {k}×{k} taps: {o}·{c // g}·{k * k} = "
            f"{grouped}. As a matrix over channels it has {g} blocks on its diagonal and zeros elsewhere, so weights "
            f"and multiplications are 1/{g}. What is lost: no output sees all channels.",
            {
                dense: "That is the convolution without groups, in which every output sees every channel.",
                dense // g**2: f"Inputs are cut into {g} groups, and each output belongs to one: 1/{g}, not 1/{g * g}.",
                dense // o: "So many weights has one output of the convolution without groups.",
            },
        )
