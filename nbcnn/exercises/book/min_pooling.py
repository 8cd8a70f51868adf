"""Min pooling out of max pooling."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.choice import Several
from nbcnn.functional import avg_pool2d, max_pool2d

WAYS = (
    ("-max_pool2d(-x)", lambda x, k: -max_pool2d(-x, k)),
    ("{white} - max_pool2d({white} - x)", None),
    ("max_pool2d(-x)", lambda x, k: max_pool2d(-x, k)),
    ("2·avg_pool2d(x) - max_pool2d(x)", lambda x, k: 2 * avg_pool2d(x, k) - max_pool2d(x, k)),
    ("1/max_pool2d(1/x), where no pixel is 0 or less", lambda x, k: 1 / max_pool2d(1 / x, k)),
    ("-max_pool2d(x)", lambda x, k: -max_pool2d(x, k)),
)
"""How it might be written, and done: of an image x and the window's side."""


class Setting(NamedTuple):
    """Four of the ways, the window's side, the number that is subtracted from, and the seed of the image."""

    ways: tuple[int, ...]
    window: int
    white: int
    seed: int


@EXERCISES.register()
class MinPooling(Exercise[Setting]):
    """Which expressions of max pooling give the least of each window."""

    number, title, chapter = 24, "Min pooling", "Pooling"

    def draw(self, rng: np.random.Generator) -> Setting:
        ways = tuple(sorted(int(k) for k in rng.choice(len(WAYS), 4, replace=False)))
        return Setting(ways, int(rng.choice([2, 3])), int(rng.choice([1, 255])), int(rng.integers(2**31)))

    def question(self, setting: Setting) -> str:
        k = setting.window
        return (
            f"There is no min_pool2d. x is an image with pixels from 1 to 200, and all pooling is over {k}×{k}. Which "
            "of these give the least pixel of each window (up to rounding)?"
        )

    def answer(self, setting: Setting) -> Several:
        return Several(tuple(WAYS[way][0].format(white=setting.white) for way in setting.ways))

    def run(self, setting: Setting, quick: bool) -> Outcome:
        ways, k, white, seed = setting
        x = np.random.default_rng(seed).integers(1, 201, (1, 1, 6 * k, 6 * k)).astype(np.float32)
        least = x.reshape(6, k, 6, k).min(axis=(1, 3))
        texts, found, shown = self.answer(setting).statements, set(), []
        for index, way in enumerate(ways):
            do = WAYS[way][1]
            y = do(x, k) if do else white - max_pool2d(np.float32(white) - x, k)
            off = float(np.abs(y[0, 0] - least).max())
            if off < 1e-3:
                found.add(index)
            shown.append(f"{texts[index]}: off by {off:.3g} at most" if off >= 1e-3 else f"{texts[index]}: right")
        sentences = (
            "Turning the sign turns the order round, and turning it again gives the number back.",
            "Subtracting from any number turns the order round; white need not be the largest.",
            "That is the least pixel with the wrong sign.",
            "Mean and maximum say nothing about the least: many windows share both.",
            "1/x turns the order of positive numbers round, so this holds for them.",
            "That is the largest pixel with the wrong sign.",
        )
        return Outcome(
            frozenset(found),
            tuple(shown),
            "The least is the largest in the opposite order. Whatever turns the order of the pixels round and back "
            "again makes min pooling out of max pooling; no expression of the maximum of x itself does.",
            {index: sentences[way] for index, way in enumerate(ways)},
        )
