"""Deep networks with and without residual connections."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.choice import Choice
from nbcnn.exercises.trainings import clothes, trained

LEARNS = 0.4
"""The share of test images from which on a training is said to have learned something."""


class Setting(NamedTuple):
    """Convolutions in all, the activation, and the seed."""

    depth: int
    activation: str
    seed: int


@EXERCISES.register()
class ResidualDepth(Exercise[Setting]):
    """Whether deep networks learn, plain and residual."""

    number, title, chapter = 37, "Residual against plain depth", "Modern networks"
    seconds, trains = 40, True

    def draw(self, rng: np.random.Generator) -> Setting:
        return Setting(int(rng.choice([2, 20, 24])), str(rng.choice(["tanh", "sigmoid"])), int(rng.integers(2)))

    def question(self, setting: Setting) -> str:
        d = setting.depth
        return (
            f"After a first convolution and pooling to 7×7 follow {d} convolutions of 3×3 with 8 channels, each with "
            f"{setting.activation}; in the residual network each of these adds to its input. Both end in a linear "
            "layer and are trained for 3 epochs on 2,000 images of clothes (adam, lr 0.003). Which learn, so that "
            f"{LEARNS:.0%} of 500 test images are right?"
        )

    def answer(self, setting: Setting) -> Choice:
        return Choice(
            tuple((f"plain: {one}", f"residual: {other}") for one in ("no", "yes") for other in ("no", "yes"))
        )

    def run(self, setting: Setting, quick: bool) -> Outcome:
        data = clothes(2000, 500, quick)
        plain, residual = (
            trained(_network(setting, skip), data, 1 if quick else 3, {"adam": {"lr": 0.003}}, setting.seed)
            for skip in (False, True)
        )
        learned = [one.accuracy >= LEARNS for one in (plain, residual)]
        told = f"It is {plain.accuracy:.1%} right without and {residual.accuracy:.1%} with the connections"
        return Outcome(
            2 * learned[0] + learned[1],
            tuple(
                f"{name}: {one.accuracy:.1%} right, training loss {one.loss:.3f}"
                for name, one in (("plain", plain), ("residual", residual))
            ),
            f"{told}. In a plain network the gradient is multiplied by each layer's slopes on its way back; where "
            "these are below 1, as a sigmoid's, which is 1/4 at most, little is left after many layers. A residual "
            f"layer hands on its input and the gradient as they are, and adds to them. {_moral(*learned)}",
            dict.fromkeys(range(4), f"{told}."),
        )


def _network(setting: Setting, skip: bool) -> list[Any]:
    conv = {"conv2d": {"out_channels": 8, "kernel_size": 3, "padding": 1}}
    layers: list[Any] = [conv, "relu", {"max_pool2d": {"kernel_size": 4}}]
    step: list[Any] = [conv, setting.activation]
    for _ in range(setting.depth):
        layers += [{"residual": {"body": step}}] if skip else step
    return [*layers, "flatten", {"linear": {"out_features": 10}}]


def _moral(plain: bool, residual: bool) -> str:
    """What the outcome says of depth."""
    if residual and not plain:
        return "So depth that stops a plain network does not stop a residual one."
    if residual:
        return "At this depth both ways still let enough through."
    return "Here the connections were not enough: what is added in each layer grew too far, or the steps were too few."
