"""Global pooling against a linear layer on all places."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.choice import Choice
from nbcnn.exercises.trainings import clothes, scores, trained

HEADS = ("linear layer", "global pooling")


class Setting(NamedTuple):
    """By how many pixels test images are shifted, and the seed."""

    shift: int
    seed: int


@EXERCISES.register()
class GlobalPooling(Exercise[Setting]):
    """Which end of a network is better, in place and after a shift."""

    number, title, chapter = 35, "Global pooling against dense", "Modern networks"
    seconds, trains = 20, True

    def draw(self, rng: np.random.Generator) -> Setting:
        return Setting(int(rng.choice([4, 6, 8])), int(rng.integers(3)))

    def question(self, setting: Setting) -> str:
        return (
            "Two convolutions with relu and max pooling end in 32 channels of 7×7. One network has a linear layer on "
            "all 1,568 numbers, the other takes the mean of each channel first. Both are trained for 4 epochs on "
            "4,000 images of clothes. Which is better on 1,000 test images, and which on the same images shifted "
            f"right by {setting.shift} pixels?"
        )

    def answer(self, setting: Setting) -> Choice:
        return Choice(tuple((f"in place: {one}", f"shifted: {other}") for one in HEADS for other in HEADS))

    def run(self, setting: Setting, quick: bool) -> Outcome:
        data, found, lines = clothes(4000, 1000, quick), [], []
        labels, pixels = data.test.labels, np.zeros_like(data.test.images)
        pixels[..., setting.shift :] = data.test.images[..., : -setting.shift]
        for head, layers in zip(HEADS, (_network(False), _network(True)), strict=True):
            one = trained(layers, data, 1 if quick else 4, {"adam": {"lr": 0.005}}, setting.seed, "kaiming_uniform")
            moved = float(np.mean(scores(one.network, pixels).argmax(axis=1) == labels))
            found.append((one.accuracy, moved))
            lines.append(
                f"{head}: {one.network.parameters.size:,} parameters, {one.accuracy:.1%} in place, {moved:.1%} shifted"
            )
        places = [int(found[1][k] > found[0][k]) for k in (0, 1)]
        lost = [100 * (there - moved) for there, moved in found]
        return Outcome(
            2 * places[0] + places[1],
            tuple(lines),
            "A linear layer has a weight for each place, so it knows where a sleeve should be, and is lost when all "
            f"is elsewhere: {lost[0]:.1f} % fewer images are right after the shift. A mean over places does not care "
            f"where: {lost[1]:.1f} % fewer, and it has far fewer parameters; but it can't use places either, and "
            "learns more slowly.",
            dict.fromkeys(range(4), f"In place it is {HEADS[places[0]]}, shifted {HEADS[places[1]]}."),
        )


def _network(pooled: bool) -> list[Any]:
    layers: list[Any] = []
    for channels in (16, 32):
        layers += [
            {"conv2d": {"out_channels": channels, "kernel_size": 3, "padding": 1}},
            "relu",
            {"max_pool2d": {"kernel_size": 2}},
        ]
    return [*layers, *["global_avg_pool2d"] * pooled, "flatten", {"linear": {"out_features": 10}}]
