"""Average pooling as a convolution."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.choice import Choice
from nbcnn.exercises.engine import BACKEND
from nbcnn.functional import avg_pool2d, conv2d


class Setting(NamedTuple):
    """Channels, the window's side, and the seed of the image."""

    channels: int
    window: int
    seed: int


@EXERCISES.register()
class AveragePoolAsConv(Exercise[Setting]):
    """The weights and groups of a convolution that pools."""

    number, title, chapter = 22, "Average pooling as a convolution", "Pooling"

    def draw(self, rng: np.random.Generator) -> Setting:
        return Setting(int(rng.choice([3, 4, 6, 8])), int(rng.choice([2, 3, 4])), int(rng.integers(2**31)))

    def question(self, setting: Setting) -> str:
        c, k, _ = setting
        return (
            f"avg_pool2d with kernel_size {k} makes rows and columns fewer: {c} channels stay {c}. Which conv2d with "
            f"{c} output channels, kernel_size {k} and stride {k} computes the same?"
        )

    def answer(self, setting: Setting) -> Choice:
        c, k, _ = setting
        weights = (f"all its weights are 1/{k * k}", f"all its weights are 1/{k}", f"all its weights are 1/{k * k * c}")
        return Choice(tuple((weight, groups) for weight in weights for groups in (f"groups: {c}", "groups: 1")))

    def run(self, setting: Setting, quick: bool) -> Outcome:
        c, k, seed = setting
        x = np.random.default_rng(seed).normal(size=(2, c, 12, 12)).astype(np.float32)
        pooled, options = avg_pool2d(x, k), self.answer(setting).options
        errors = []
        for value in (1 / k**2, 1 / k, 1 / (k * k * c)):
            for groups in (c, 1):
                w = np.full((c, c // groups, k, k), value, np.float32)
                errors.append(float(np.abs(conv2d(x, w, stride=k, groups=groups, backend=BACKEND) - pooled).max()))
        best = int(np.argmin(errors))
        return Outcome(
            best,
            tuple(
                f"{', '.join(option)}: off by {error:.1e} at most"
                for option, error in zip(options, errors, strict=True)
            ),
            f"A mean of {k}×{k} pixels is a sum with the weights 1/{k * k}. Each channel is pooled for itself, so "
            "each output channel may see its own input alone: as many groups as channels. A convolution with one "
            f"group would add the {c} channels up. What pooling saves are the multiplications, and weights to learn.",
            {
                1: "With one group every output is the same: the sum over all channels.",
                2: f"The window has {k}·{k} pixels, so the weights of a mean are 1/{k * k}.",
                4: f"The {c} channels are not averaged: each is pooled for itself.",
                5: "That is the mean over all channels as well, and all outputs are the same.",
            },
        )
