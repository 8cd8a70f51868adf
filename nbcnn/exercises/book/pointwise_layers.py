"""One, two or three 1×1 convolutions after each convolution, as in NiN."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.choice import Choice
from nbcnn.exercises.trainings import clothes, trained

COUNTS = (0, 1, 2, 3)


class Setting(NamedTuple):
    """Channels, and the seed."""

    channels: int
    seed: int


@EXERCISES.register()
class PointwiseLayers(Exercise[Setting]):
    """How many pointwise layers help."""

    number, title, chapter = 34, "Pointwise layers", "Modern networks"
    seconds, trains = 30, True

    def draw(self, rng: np.random.Generator) -> Setting:
        return Setting(int(rng.choice([8, 16])), int(rng.integers(2)))

    def question(self, setting: Setting) -> str:
        return (
            f"A small NiN has two blocks, each a convolution of 3×3 to {setting.channels} channels and then 0, 1, 2 "
            "or 3 of 1×1, all with relu, then pooling; global average pooling and a linear layer end it. After 3 "
            "epochs on 4,000 images of clothes, which one gets the most of 1,000 test images right?"
        )

    def answer(self, setting: Setting) -> Choice:
        return Choice(tuple((_layers(count),) for count in COUNTS))

    def run(self, setting: Setting, quick: bool) -> Outcome:
        data = clothes(4000, 1000, quick)
        found = [
            trained(
                _nin(setting.channels, count),
                data,
                1 if quick else 3,
                {"adam": {"lr": 0.005}},
                setting.seed,
                "kaiming_uniform",
            )
            for count in COUNTS
        ]
        best = int(np.argmax([one.accuracy for one in found]))
        return Outcome(
            best,
            tuple(
                f"{_layers(count)}: {one.network.parameters.size:,} parameters, {one.accuracy:.1%} right, training "
                f"loss {one.loss:.3f}"
                for count, one in zip(COUNTS, found, strict=True)
            ),
            "A 1×1 convolution with a relu is a small network at every pixel: it mixes the channels anew and sees no "
            "more of the image. The linear layer behind global pooling can bend nothing by itself, so more of them "
            "let the network tell more apart; but each makes the chain longer that the gradient has to come through, "
            "which costs epochs. The numbers above say how the two balance after so few.",
            {index: f"With {COUNTS[index]} it is {one.accuracy:.1%}." for index, one in enumerate(found)},
        )


def _layers(count: int) -> str:
    return f"{count} pointwise layer{'s' * (count != 1)}"


def _nin(channels: int, count: int) -> list[Any]:
    layers: list[Any] = []
    for _ in range(2):
        layers += [{"conv2d": {"out_channels": channels, "kernel_size": 3, "padding": 1}}, "relu"]
        layers += [{"conv2d": {"out_channels": channels, "kernel_size": 1}}, "relu"] * count
        layers.append({"max_pool2d": {"kernel_size": 2}})
    return [*layers, "global_avg_pool2d", "flatten", {"linear": {"out_features": 10}}]
