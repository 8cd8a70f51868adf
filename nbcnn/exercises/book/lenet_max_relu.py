"""LeNet with the activation and the pooling of today."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.choice import Choice
from nbcnn.exercises.trainings import clothes, lenet, trained

KINDS = tuple((activation, pool) for activation in ("sigmoid", "relu") for pool in ("avg_pool2d", "max_pool2d"))


class Setting(NamedTuple):
    """The seed of the trainings, and their epochs."""

    seed: int
    epochs: int


@EXERCISES.register()
class LenetMaxRelu(Exercise[Setting]):
    """Which activation and which pooling learn fastest."""

    number, title, chapter = 28, "LeNet with ReLU and max pooling", "LeNet"
    seconds, trains = 15, True

    def draw(self, rng: np.random.Generator) -> Setting:
        return Setting(int(rng.integers(4)), int(rng.choice([2, 3])))

    def question(self, setting: Setting) -> str:
        return (
            f"LeNet is trained four times, with sigmoid or relu and with average or max pooling, for {setting.epochs} "
            "epochs on 4,000 images of clothes (adam, lr 0.002). Which of the four gets the most of 1,000 test "
            "images right?"
        )

    def answer(self, setting: Setting) -> Choice:
        return Choice(KINDS)

    def run(self, setting: Setting, quick: bool) -> Outcome:
        data = clothes(4000, 1000, quick)
        found = [
            trained(lenet(*kind), data, 1 if quick else setting.epochs, {"adam": {"lr": 0.002}}, setting.seed).accuracy
            for kind in KINDS
        ]
        best = int(np.argmax(found))
        sigmoid, relu = max(found[:2]), max(found[2:])
        pooling = max(abs(found[0] - found[1]), abs(found[2] - found[3]))
        more = "more than the pooling" if abs(relu - sigmoid) > pooling else "no more than the pooling here"
        return Outcome(
            best,
            tuple(f"{', '.join(kind)}: {accuracy:.1%} right" for kind, accuracy in zip(KINDS, found, strict=True)),
            f"The activation matters {more}: at best {relu:.1%} with relu and {sigmoid:.1%} with sigmoid. A sigmoid's "
            "slope is 1/4 at most, so each layer makes the gradient smaller on its way back, and the first layers "
            "learn slowly. A relu's is 1 where it lets something through. After many epochs such gaps close.",
            {index: f"That one gets {accuracy:.1%} right." for index, accuracy in enumerate(found)},
        )
