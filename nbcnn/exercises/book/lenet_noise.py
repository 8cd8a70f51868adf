"""What a network that knows clothes says of noise."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.answer import Number
from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.trainings import QUICK, clothes, lenet, scores, trained
from nbcnn.functional import softmax


class Setting(NamedTuple):
    """The noise: its mean and spread in grey levels; and the seed."""

    mean: int
    spread: int
    seed: int


@EXERCISES.register()
class LenetNoise(Exercise[Setting]):
    """How many images of noise are taken for the same class."""

    number, title, chapter = 33, "LeNet on noise", "LeNet"
    seconds, trains = 10, True

    def draw(self, rng: np.random.Generator) -> Setting:
        return Setting(int(rng.choice([40, 80, 128])), int(rng.choice([20, 40])), int(rng.integers(3)))

    def question(self, setting: Setting) -> str:
        return (
            "LeNet (relu, max pooling) is trained for 4 epochs on 4,000 images of ten kinds of clothes. Then it gets "
            f"500 images of noise (pixels around {setting.mean}, standard deviation {setting.spread}). It must choose "
            "one of its classes for each. How many percent of them are taken for the class that is chosen most often?"
        )

    def answer(self, setting: Setting) -> Number:
        return Number(10, 100, "%", ratio=False, close=5, far=50)

    def run(self, setting: Setting, quick: bool) -> Outcome:
        data = clothes(4000, 1000, quick)
        one = trained(lenet(), data, 1 if quick else 4, {"adam": {"lr": 0.002}}, setting.seed)
        rng = np.random.default_rng(setting.seed)
        noise = rng.normal(setting.mean, setting.spread, (QUICK if quick else 500, 1, 28, 28))
        images = np.clip(np.rint(noise), 0, 255).astype(np.uint8)
        of_noise, of_tests = (softmax(scores(one.network, each)) for each in (images, data.test.images))
        counts = np.bincount(of_noise.argmax(axis=1), minlength=10)
        order = np.argsort(-counts)[:3]
        share, sure = counts.max() / len(images), float(of_noise.max(axis=1).mean())
        named = ", ".join(f"{data.classes[k]} {counts[k] / len(images):.0%}" for k in order if counts[k])
        return Outcome(
            round(100 * share, 2),
            (
                f"on the test images: {one.accuracy:.1%} right, mean probability of the class chosen "
                f"{of_tests.max(axis=1).mean():.2f}",
                f"on noise: {named}; mean probability of the class chosen {sure:.2f}",
            ),
            "Noise is no tenth of everything: averaged over many pixels, all images of such noise look alike to a "
            f"network, so they get nearly the same scores, and mostly the same class: {data.classes[int(order[0])]}, "
            f"with a mean probability of {sure:.2f}. Softmax compares the classes with each other, and can't say that "
            "it is none of them.",
            {
                10: "That would be right if the network tossed a ten-sided die; it is a function, and all noise looks "
                "alike."
            },
        )
