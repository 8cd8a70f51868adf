"""Softmax pooling, between the mean and the maximum."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.answer import Number
from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.engine import number_of
from nbcnn.functional import avg_pool2d, max_pool2d, softmax


class Setting(NamedTuple):
    """The four pixels of a window, and the factor before the softmax."""

    pixels: tuple[int, ...]
    factor: float


@EXERCISES.register()
class SoftmaxPooling(Exercise[Setting]):
    """The value of a window whose pixels are weighted by their softmax."""

    number, title, chapter = 25, "Softmax pooling", "Pooling"

    def draw(self, rng: np.random.Generator) -> Setting:
        pixels = tuple(int(value) for value in rng.choice(10, 4, replace=False))
        return Setting(pixels, float(rng.choice([0.1, 0.3, 1.0, 3.0])))

    def question(self, setting: Setting) -> str:
        a, b, c, d = setting.pixels
        return (
            f"A window of 2×2 holds {a}, {b}, {c} and {d}. Softmax pooling gives Σ x·p, where p is the softmax of "
            f"{setting.factor:g}·x over the window: larger pixels weigh more. About how large is the result?"
        )

    def answer(self, setting: Setting) -> Number:
        return Number(0, 9, ratio=False, close=0.25, far=3)

    def run(self, setting: Setting, quick: bool) -> Outcome:
        pixels = np.array(setting.pixels, np.float32)
        window = pixels.reshape(1, 1, 2, 2)
        mean, largest = float(avg_pool2d(window, 2)[0, 0, 0, 0]), float(max_pool2d(window, 2)[0, 0, 0, 0])

        def pooled(factor: float) -> tuple[np.ndarray, float]:
            weights = softmax((np.float32(factor) * pixels)[None])[0]
            return weights, float(weights @ pixels)

        lines = []
        for factor in (0.01, 0.1, 0.3, 1.0, 3.0, 10.0):
            weights, value = pooled(factor)
            lines.append(
                f"softmax of {factor:g}·x: weights {' '.join(f'{weight:.3f}' for weight in weights)}, result "
                f"{value:.3f}"
            )
        result = pooled(setting.factor)[1]
        nearer = "maximum" if abs(largest - result) < abs(result - mean) else "mean"
        return Outcome(
            round(result, 3),
            (*lines, f"mean {number_of(mean)}, maximum {number_of(largest)}"),
            f"A factor near 0 gives all pixels the same weight: the mean, {number_of(mean)}. A large one gives the "
            f"largest pixel all of it: the maximum, {number_of(largest)}. At {setting.factor:g} the result, "
            f"{result:.3g}, is nearer to the {nearer}. Weights are e to the differences, so what counts is the factor "
            "times the distance of the two largest pixels.",
            {
                mean: f"That is the mean, which softmax pooling gives for factors near 0; {setting.factor:g} is not "
                f"near enough.",
                largest: f"That is the maximum, which it gives for large factors; {setting.factor:g} is not large "
                f"enough.",
                round((mean + largest) / 2, 3): "It lies between mean and maximum, but not in the middle.",
            },
        )
