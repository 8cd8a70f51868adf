"""Averaging over a window: what is left of noise."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.answer import Number
from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.engine import correlated


class Setting(NamedTuple):
    """The kernel's side, the noise's standard deviation in grey levels, and its seed."""

    kernel: int
    noise: int
    seed: int


@EXERCISES.register()
class Blur(Exercise[Setting]):
    """The standard deviation of noise after a mean over k×k pixels."""

    number, title, chapter = 5, "Blur and noise", "Kernels"

    def draw(self, rng: np.random.Generator) -> Setting:
        return Setting(
            int(rng.choice([2, 3, 4, 5, 8])), int(rng.choice([12, 20, 24, 30, 40])), int(rng.integers(2**31))
        )

    def question(self, setting: Setting) -> str:
        k = setting.kernel
        return (
            "A grey image has noise: each pixel is off by a random number of its own, with standard deviation "
            f"{setting.noise} grey levels. A kernel of {k}×{k} with the weights 1/{k * k} blurs it. What is the "
            "standard deviation of the noise afterwards?"
        )

    def answer(self, setting: Setting) -> Number:
        return Number(0, 100, "grey levels", close=1.1, far=2.5)

    def run(self, setting: Setting, quick: bool) -> Outcome:
        k, noise = setting.kernel, setting.noise
        x = np.random.default_rng(setting.seed).normal(128, noise, (400, 400))
        y = correlated(x, np.full((k, k), 1 / k**2))
        before, after = float(x.std()), float(y.std())
        return Outcome(
            round(after, 3),
            (f"before: {before:.2f} grey levels", f"after: {after:.2f} grey levels, {after / before:.3f} of it"),
            f"A mean of {k * k} independent numbers has 1/{k * k} of their variance, so 1/{k} of their standard "
            f"deviation: {noise}/{k} = {noise / k:.4g}. Neighbouring outputs share pixels, so the noise left is "
            "smooth.",
            {
                noise / k**2: f"The variance is divided by {k * k}; the standard deviation is its square root.",
                noise: "The mean of the image stays as it is, but the noise of different pixels cancels in part.",
                round(noise / np.sqrt(k), 3): f"{k * k} pixels are averaged, not {k}.",
            },
        )
