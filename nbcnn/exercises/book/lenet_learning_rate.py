"""LeNet with learning rates from far too small to far too large."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.choice import Choice
from nbcnn.exercises.trainings import clothes, lenet, trained

RATES = (0.0001, 0.001, 0.01, 0.1, 1.0)


class Setting(NamedTuple):
    """The optimizer and the seed."""

    optimizer: str
    seed: int


@EXERCISES.register()
class LenetLearningRate(Exercise[Setting]):
    """Which learning rate learns most in two epochs."""

    number, title, chapter = 31, "The learning rate", "LeNet"
    seconds, trains = 15, True

    def draw(self, rng: np.random.Generator) -> Setting:
        return Setting(str(rng.choice(["sgd", "adam"])), int(rng.integers(3)))

    def question(self, setting: Setting) -> str:
        return (
            f"LeNet (relu, max pooling) is trained for 2 epochs on 4,000 images of clothes by {setting.optimizer} "
            "with five learning rates. Which one gets the most of 1,000 test images right?"
        )

    def answer(self, setting: Setting) -> Choice:
        return Choice(tuple((f"lr {rate:g}",) for rate in RATES))

    def run(self, setting: Setting, quick: bool) -> Outcome:
        data = clothes(4000, 1000, quick)
        found = [
            trained(lenet(), data, 1 if quick else 2, {setting.optimizer: {"lr": rate}}, setting.seed) for rate in RATES
        ]
        best = int(np.argmax([one.accuracy for one in found]))
        lines = [
            f"lr {rate:g}: {one.accuracy:.1%} right, "
            + ("its numbers stopped being numbers" if one.diverged else f"training loss {one.loss:.3f}")
            for rate, one in zip(RATES, found, strict=True)
        ]
        adam = setting.optimizer == "adam"
        size = "about lr, however small the gradient is" if adam else "lr times the gradient, which is small"
        return Outcome(
            best,
            tuple(lines),
            f"A step of {setting.optimizer} moves each weight by {size}. Too small a rate has not got far after so "
            "few steps; too large a one jumps over the valley, and the loss stays where it was, at ln 10 = 2.303, or "
            "explodes. The best rates lie just below those that fail.",
            {
                index: f"With lr {rate:g} the steps are too {'small' if index < best else 'large'} here: "
                f"{found[index].accuracy:.1%} right."
                for index, rate in enumerate(RATES)
            },
        )
