"""Two convolutions in a row are one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.answer import Number
from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.engine import correlated, grid
from nbcnn.functional import relu


class Setting(NamedTuple):
    """The sides of the kernels, in order, and the seed of their numbers."""

    kernels: tuple[int, ...]
    seed: int


@EXERCISES.register()
class MergeConvolutions(Exercise[Setting]):
    """The kernel size of one convolution that does what several in a row do."""

    number, title, chapter = 15, "Merging convolutions", "Channels"

    def draw(self, rng: np.random.Generator) -> Setting:
        sides = tuple(int(k) for k in rng.choice([2, 3, 4, 5], int(rng.integers(2, 4))))
        return Setting(sides, int(rng.integers(2**31)))

    def question(self, setting: Setting) -> str:
        sides = " and ".join(f"{k}×{k}" for k in setting.kernels)
        return (
            f"Convolutions with kernels of {sides} follow each other without anything between them, on one channel, "
            "at stride 1. One convolution shall give the same outputs on every image. How many rows has its kernel?"
        )

    def answer(self, setting: Setting) -> Number:
        return Number(1, 130, "rows", whole=True, close=1, far=2)

    def run(self, setting: Setting, quick: bool) -> Outcome:
        rng = np.random.default_rng(setting.seed)
        kernels = [rng.choice([-2, -1, 1, 2], (k, k)).astype(np.float32) for k in setting.kernels]
        side = sum(k - 1 for k in setting.kernels) + 1
        point = np.zeros((2 * side - 1, 2 * side - 1), np.float32)
        point[side - 1, side - 1] = 1
        answer = _through(point, kernels)  # what one bright pixel becomes is the kernel turned by 180°
        merged = answer[::-1, ::-1]
        rows = np.flatnonzero(merged.any(axis=1))
        x = rng.integers(-5, 6, (20, 20)).astype(np.float32)
        one, several = correlated(x, merged), _through(x, kernels)
        bent = correlated(relu(correlated(x, kernels[0])), kernels[1])
        pair = correlated(correlated(x, kernels[0]), kernels[1])
        found = int(rows[-1] - rows[0] + 1)
        return Outcome(
            found,
            (
                "the merged kernel:",
                *grid(merged),
                f"on a random image, one convolution and {len(kernels)} differ by at most "
                f"{np.abs(one - several).max():g}",
                f"with a relu after the first, {np.mean(bent != pair):.0%} of the outputs of the first two are others",
            ),
            "The first kernel's window is that of one output; each further kernel of k rows sees k of them, so k - 1 "
            f"rows more: {' + '.join(['1', *(f'({k} - 1)' for k in setting.kernels)])} = {found}. Without something "
            "that is not linear between them, layers of convolutions gain nothing that one could not do.",
            {
                sum(setting.kernels): "Windows that follow each other overlap: each further one adds its rows less 1.",
                int(
                    np.prod(setting.kernels)
                ): "Windows at neighbouring places overlap, they are not laid side by side.",
                max(setting.kernels): "The later kernel sees outputs whose windows lie at several places.",
            },
        )


def _through(x: np.ndarray, kernels: list[np.ndarray]) -> np.ndarray:
    for kernel in kernels:
        x = correlated(x, kernel)
    return x
