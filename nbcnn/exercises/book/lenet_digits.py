"""LeNet on digits, which are easier than clothes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.data import Dataset, Split
from nbcnn.exercises.answer import Number
from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.trainings import QUICK, clothes, lenet, trained

SHAPES = (
    "01110 10001 10011 10101 11001 10001 01110",
    "00100 01100 00100 00100 00100 00100 01110",
    "01110 10001 00001 00010 00100 01000 11111",
    "11111 00010 00100 00010 00001 10001 01110",
    "00010 00110 01010 10010 11111 00010 00010",
    "11111 10000 11110 00001 00001 10001 01110",
    "00110 01000 10000 11110 10001 10001 01110",
    "11111 00001 00010 00100 01000 01000 01000",
    "01110 10001 10001 01110 10001 10001 01110",
    "01110 10001 10001 01111 00001 00010 01100",
)
"""The digits from 0 to 9, seven rows of five dots."""


class Setting(NamedTuple):
    """Training images, the strength of the noise, and the seed."""

    images: int
    noise: int
    seed: int


@EXERCISES.register()
class LenetDigits(Exercise[Setting]):
    """The accuracy of LeNet on digits, beside that on as many images of clothes."""

    number, title, chapter = 32, "LeNet on digits", "LeNet"
    seconds, trains = 15, True

    def draw(self, rng: np.random.Generator) -> Setting:
        return Setting(int(rng.choice([1000, 2000])), int(rng.choice([20, 60, 100])), int(rng.integers(3)))

    def question(self, setting: Setting) -> str:
        return (
            f"LeNet (relu, max pooling) is trained for 4 epochs on {setting.images:,} digits: dots on a grid of 7×5, "
            f"three pixels wide, at random places of a 28×28 image, with noise of standard deviation {setting.noise} "
            "(white is 255). How many percent of 1,000 other digits does it get right?"
        )

    def answer(self, setting: Setting) -> Number:
        return Number(0, 100, "%", ratio=False, close=2, far=20)

    def run(self, setting: Setting, quick: bool) -> Outcome:
        images, epochs = (QUICK, 1) if quick else (setting.images, 4)
        digits = Dataset(
            "digits",
            _digits(images, setting, 0),
            _digits(QUICK if quick else 1000, setting, 1),
            tuple("0123456789"),
            "drawn",
        )
        ours, others = (
            trained(lenet(), data, epochs, {"adam": {"lr": 0.002}}, setting.seed)
            for data in (digits, clothes(images, 1000, quick))
        )
        return Outcome(
            round(100 * ours.accuracy, 2),
            (
                f"digits: {ours.accuracy:.1%} right, training loss {ours.loss:.3f}",
                f"as many images of clothes: {others.accuracy:.1%} right, training loss {others.loss:.3f}",
            ),
            "All images of a digit have the same shape, at other places: convolutions find its parts wherever they "
            "are, and what is left is noise. The shirts, coats and pullovers of the clothes are not alike among "
            f"themselves, and much alike each other: {others.accuracy:.1%} with as many images and steps.",
            {
                round(100 * others.accuracy, 2): "So many of the clothes it gets right.",
                10: "Guessing gets 10 % right.",
            },
        )


def _digits(count: int, setting: Setting, part: int) -> Split:
    """So many digits (N, 1, 28, 28) at random places, and their labels."""
    rng = np.random.default_rng((setting.seed, part))
    labels = rng.integers(0, 10, count)
    images = rng.normal(0, setting.noise, (count, 1, 28, 28))
    dots = [np.array([[int(dot) for dot in row] for row in shape.split()]) for shape in SHAPES]
    for image, label, (top, left) in zip(images, labels, rng.integers(0, (8, 14), (count, 2)), strict=True):
        image[0, top : top + 21, left : left + 15] += 200 * np.kron(dots[label], np.ones((3, 3)))
    return Split(np.clip(np.rint(images), 0, 255).astype(np.uint8), labels.astype(np.int64))
