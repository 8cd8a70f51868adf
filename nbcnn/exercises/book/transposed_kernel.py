"""Images and kernels that are transposed or turned."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.choice import Several
from nbcnn.exercises.engine import correlated, grid


class Setting(NamedTuple):
    """A kernel of 3×3 whole numbers, row by row, and the seed of the image."""

    kernel: tuple[int, ...]
    seed: int


@EXERCISES.register()
class TransposedKernel(Exercise[Setting]):
    """Which identities hold between outputs of transposed images and kernels."""

    number, title, chapter = 2, "Transposed images and kernels", "Kernels"

    def draw(self, rng: np.random.Generator) -> Setting:
        while True:
            kernel = rng.integers(-4, 5, (3, 3))
            if rng.random() < 0.5:
                kernel = np.triu(kernel) + np.triu(kernel, 1).T
            if not np.array_equal(kernel, kernel[::-1, ::-1]) and np.abs(kernel).max() > 0:
                return Setting(tuple(int(value) for value in kernel.flat), int(rng.integers(2**31)))

    def question(self, setting: Setting) -> str:
        rows = "\n".join(grid(self._kernel(setting)))
        return (
            f"Let Y be the output of this kernel K on an image X of 6×6 whole numbers:\n{rows}\nᵀ exchanges rows and "
            "columns; turned means turned by 180°. Which of these hold?"
        )

    def answer(self, setting: Setting) -> Several:
        return Several(
            (
                "K on Xᵀ gives Yᵀ",
                "Kᵀ on Xᵀ gives Yᵀ",
                "Kᵀ on X gives Yᵀ",
                "K turned, on X turned, gives Y turned",
            )
        )

    def run(self, setting: Setting, quick: bool) -> Outcome:
        k = self._kernel(setting)
        x = np.random.default_rng(setting.seed).integers(-9, 10, (6, 6))
        y = correlated(x, k)
        pairs = (
            (correlated(x.T, k), y.T),
            (correlated(x.T, k.T), y.T),
            (correlated(x, k.T), y.T),
            (correlated(x[::-1, ::-1], k[::-1, ::-1]), y[::-1, ::-1]),
        )
        statements = self.answer(setting).statements
        found = [int(np.count_nonzero(ours != theirs)) for ours, theirs in pairs]
        alone = "not its own transpose, so transposing the image alone gives other sums"
        if np.array_equal(k, k.T):
            alone = "its own transpose, so it need not be transposed too"
        return Outcome(
            frozenset(index for index, differ in enumerate(found) if not differ),
            tuple(
                f"{text}: {differ} of {y.size} numbers differ" for text, differ in zip(statements, found, strict=True)
            ),
            "A sum over a window does not change when image and kernel are transposed, or turned, together: the same "
            f"products are added. This K is {alone}.",
            {
                0: "Transposing the image alone is enough where K equals its transpose, and only there.",
                1: "Rows and columns are exchanged in both, so each product is still there, at the transposed place.",
                2: "The image has to be transposed too: Yᵀ takes its sums down columns of X where Y takes rows.",
                3: "Turned both, each pixel still meets the same number of the kernel; the outputs are turned as well.",
            },
        )

    def _kernel(self, setting: Setting) -> np.ndarray:
        return np.array(setting.kernel).reshape(3, 3)
