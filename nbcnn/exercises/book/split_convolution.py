"""Kernels that are a column times a row."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.choice import Several
from nbcnn.exercises.engine import correlated, in_one_line

KERNELS = (
    ((1, 1, 1), (1, 1, 1), (1, 1, 1)),
    ((1, 2, 1), (2, 4, 2), (1, 2, 1)),
    ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),
    ((1, -2, 1), (-2, 4, -2), (1, -2, 1)),
    ((3, 6, 3), (0, 0, 0), (-3, -6, -3)),
    ((0, 1, 0), (1, -4, 1), (0, 1, 0)),
    ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    ((0, 1, 2), (-1, 0, 1), (-2, -1, 0)),
    ((-1, -1, -1), (-1, 8, -1), (-1, -1, -1)),
    ((1, 2, 3), (4, 5, 6), (7, 8, 9)),
)


class Setting(NamedTuple):
    """Four of the kernels, and the seed of the image."""

    kernels: tuple[int, ...]
    seed: int


@EXERCISES.register()
class SplitConvolution(Exercise[Setting]):
    """Which 3×3 convolutions can be split into 3×1 and 1×3."""

    number, title, chapter = 16, "Splitting a convolution", "Channels"

    def draw(self, rng: np.random.Generator) -> Setting:
        return Setting(
            tuple(sorted(int(k) for k in rng.choice(len(KERNELS), 4, replace=False))), int(rng.integers(2**31))
        )

    def question(self, setting: Setting) -> str:
        return (
            "A convolution of 3×3 needs 9 multiplications an output; one of 3×1 and then one of 1×3 need 6. Which of "
            "these kernels can be split so, without any change of the output? (Rows are separated by semicolons.)"
        )

    def answer(self, setting: Setting) -> Several:
        return Several(tuple(in_one_line(KERNELS[k]) for k in setting.kernels))

    def run(self, setting: Setting, quick: bool) -> Outcome:
        x = np.random.default_rng(setting.seed).integers(-9, 10, (12, 12)).astype(np.float32)
        found, shown, mistakes = [], [], dict[float, str]()
        for index, k in enumerate(setting.kernels):
            kernel = np.array(KERNELS[k], np.float64)
            u, s, v = np.linalg.svd(kernel)
            column, row = u[:, :1] * np.sqrt(s[0]), v[:1] * np.sqrt(s[0])
            off = float(np.abs(correlated(correlated(x, column), row) - correlated(x, kernel)).max())
            rank = int(np.linalg.matrix_rank(kernel))
            shown.append(f"{in_one_line(kernel)}: rank {rank}, best split is off by {off:.2g} on a random image")
            if off < 1e-3:
                found.append(index)
                factors = f"{in_one_line(_whole(column))} and {in_one_line(_whole(row))}"
                shown[-1] = f"{in_one_line(kernel)}: rank 1, a multiple of {factors}"
                mistakes[index] = (
                    f"All rows of {in_one_line(kernel)} are multiples of one row, so it is a column times that row."
                )
            else:
                mistakes[index] = (
                    f"The rows of {in_one_line(kernel)} are not multiples of one row: its rank is {rank}, not 1."
                )
        return Outcome(
            frozenset(found),
            tuple(shown),
            "A column of 3 times a row of 3 is a matrix whose rows are all multiples of one row: rank 1. Any other "
            "kernel is a sum of two or three such products, which cost 12 or 18 multiplications. Splitting into "
            "channels (depthwise separable) is another matter: there the layers are made so, and learn what they can.",
            mistakes,
        )


def _whole(factor: np.ndarray) -> np.ndarray:
    """A column or row with small whole numbers, the first of them positive."""
    used = factor[np.abs(factor) > 1e-6]
    return np.asarray(np.round(factor / np.abs(used).min() * np.sign(used[0])) + 0.0)
