"""Max pooling from ReLUs, and not from convolutions alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.answer import Number
from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.functional import max_pool2d, relu


class Setting(NamedTuple):
    """Rows and columns of the pooling window, and the seed of the image."""

    rows: int
    columns: int
    seed: int


@EXERCISES.register()
class MaxPoolFromRelu(Exercise[Setting]):
    """How many ReLUs the largest of a window takes."""

    number, title, chapter = 23, "Max pooling from ReLUs", "Pooling"

    def draw(self, rng: np.random.Generator) -> Setting:
        return Setting(int(rng.integers(2, 5)), int(rng.integers(1, 5)), int(rng.integers(2**31)))

    def question(self, setting: Setting) -> str:
        h, w, _ = setting
        return (
            "The larger of two numbers is relu(a - b) + b. So max pooling can be built from sums, differences "
            f"(convolutions can do both) and relu. How many relus does one output of max pooling over {h}×{w} take, "
            "if each takes one number?"
        )

    def answer(self, setting: Setting) -> Number:
        return Number(0, 64, "relus", whole=True, ratio=False, close=0, far=6)

    def run(self, setting: Setting, quick: bool) -> Outcome:
        h, w, seed = setting
        x, y = (
            np.random.default_rng(seed + k).integers(-50, 51, (1, 1, 4 * h, 4 * w)).astype(np.float32) for k in (0, 1)
        )
        pixels = [x[:, :, i::h, j::w] for i in range(h) for j in range(w)]
        largest, relus = pixels[0], 0
        for pixel in pixels[1:]:
            largest, relus = relu(np.ascontiguousarray(pixel - largest)) + largest, relus + 1
        pooled = max_pool2d(x, (h, w))
        differ = int(np.count_nonzero(pooled != largest))
        apart = max_pool2d(x + y, (h, w)) != pooled + max_pool2d(y, (h, w))
        return Outcome(
            relus,
            (
                f"built from {relus} relus an output: {differ} of {pooled.size} outputs differ from max_pool2d's",
                f"the maximum of a sum of two images is not the sum of their maxima: {apart.mean():.0%} of the "
                "outputs differ",
            ),
            f"Of {h * w} numbers the first is the largest so far, and each of the other {relus} takes one relu. "
            "Convolutions alone can't do it: what they compute of a sum of images is the sum of what they compute of "
            "each, and the maximum's is not.",
            {
                h * w: "The first number needs none: it is the largest so far.",
                max(h * w // 2, 1): "After half of them, the larger ones of each pair still have to be compared.",
                1: "One relu compares two numbers.",
            },
        )
