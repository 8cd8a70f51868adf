"""The cost of a training step beside that of a forward pass."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.config import load_config
from nbcnn.engine.network import Network
from nbcnn.engine.serial import SerialExecutor
from nbcnn.exercises.answer import Number
from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.engine import network


class Setting(NamedTuple):
    """Output channels of each convolution, and the image's channels."""

    widths: tuple[int, ...]
    image: int


@EXERCISES.register()
class BackwardCost(Exercise[Setting]):
    """How many times a forward pass's multiplications a training step takes."""

    number, title, chapter = 19, "The cost of going backward", "Channels"

    def draw(self, rng: np.random.Generator) -> Setting:
        widths = tuple(int(c) for c in rng.choice([2, 4, 8], int(rng.integers(2, 4))))
        return Setting(widths, int(rng.choice([1, 3, 8])))

    def question(self, setting: Setting) -> str:
        chain = " → ".join(str(c) for c in (setting.image, *setting.widths))
        return (
            f"{len(setting.widths)} convolutions of 3×3 with padding 1, channels {chain}, without activations: a "
            "training step goes forward and backward through them. How many times the multiplications of the forward "
            "pass does it take, both together?"
        )

    def answer(self, setting: Setting) -> Number:
        return Number(1, 10, "times", ratio=False, close=0.05, far=1.5)

    def run(self, setting: Setting, quick: bool) -> Outcome:
        convs = [{"conv2d": {"out_channels": c, "kernel_size": 3, "padding": 1}} for c in setting.widths]
        net = Network(load_config(network([*convs, "flatten"], (setting.image, 8, 8))))
        macs = {layer.path: layer.problem.macs for layer in net.layers() if layer.op == "conv2d"}
        executor = SerialExecutor(net)
        pack = executor.pack
        forward = [call.layer for call in pack.forward if call.layer in macs]
        backward = [call.layer for call in pack.backward if call.layer in macs]
        ahead, back = (sum(macs[layer] for layer in calls) for calls in (forward, backward))
        first = next(iter(macs))
        lines = [
            f"layer {number}: {macs[layer]:,} multiply-accumulates forward, {backward.count(layer)} times that backward"
            for number, layer in enumerate(macs, 1)
        ]
        return Outcome(
            round((ahead + back) / ahead, 4),
            (*lines, f"in all {ahead:,} forward, {back:,} backward, as the engine's calls have it"),
            "Backward a layer computes two things, each at the cost of its forward pass: the gradient of its weights "
            "and that of its input. The gradient of the image is of no use, so the first layer computes the former "
            f"alone: {macs[first]:,} multiply-accumulates are saved.",
            {
                3: "The first layer needs no gradient of its input, the image.",
                2: "A layer between others computes two gradients, that of its weights and that of its input.",
            },
        )
