"""Deep networks with and without residual connections."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.choice import Choice
from nbcnn.exercises.trainings import MORE_OR_FEWER, clothes, trained


class Setting(NamedTuple):
    """Convolutions after the first, and the seed."""

    depth: int
    seed: int


@EXERCISES.register()
class ResidualDepth(Exercise[Setting]):
    """How much residual connections help at some depth."""

    number, title, chapter = 37, "Residual against plain depth", "Modern networks"
    seconds, trains = 20, True

    def draw(self, rng: np.random.Generator) -> Setting:
        return Setting(int(rng.choice([2, 20, 28])), int(rng.integers(2)))

    def question(self, setting: Setting) -> str:
        return (
            f"After a first convolution and pooling to 7×7 follow {setting.depth} times a convolution of 3×3 with 8 "
            "channels, batch norm and relu; in the residual network each of these adds to its input. Both end in a "
            "linear layer and are trained for 2 epochs on 2,000 images of clothes (adam, lr 0.003). How many of 500 "
            "test images does the residual one get right, compared to the plain one?"
        )

    def answer(self, setting: Setting) -> Choice:
        return Choice(MORE_OR_FEWER)

    def run(self, setting: Setting, quick: bool) -> Outcome:
        data = clothes(2000, 500, quick)
        plain, residual = (
            trained(_network(setting.depth, skip), data, 1 if quick else 2, {"adam": {"lr": 0.003}}, setting.seed)
            for skip in (False, True)
        )
        gain = residual.accuracy - plain.accuracy
        truth = (0 if gain >= 0.05 else 1) if gain >= 0 else (2 if gain > -0.05 else 3)
        return Outcome(
            truth,
            tuple(
                f"{name}: {one.accuracy:.1%} right, training loss {one.loss:.3f}"
                for name, one in (("plain", plain), ("residual", residual))
            ),
            "In a plain network the gradient is multiplied by each layer's weights and slopes on its way back, so "
            "the more layers there are, the less the first ones hear of the loss, and the less of the image is left "
            "at the end. A residual layer hands on its input, and the gradient, as they are, and adds to them. Few "
            "layers gain nothing from that; the more there are, the more they do.",
            dict.fromkeys(range(4), f"The difference is {100 * gain:+.1f} % at a depth of {setting.depth}."),
        )


def _network(depth: int, skip: bool) -> list[Any]:
    conv = {"conv2d": {"out_channels": 8, "kernel_size": 3, "padding": 1}}
    layers: list[Any] = [conv, "relu", {"max_pool2d": {"kernel_size": 4}}]
    step: list[Any] = [conv, "batch_norm2d", "relu"]
    for _ in range(depth):
        layers += [{"residual": {"body": step}}] if skip else step
    return [*layers, "flatten", {"linear": {"out_features": 10}}]
