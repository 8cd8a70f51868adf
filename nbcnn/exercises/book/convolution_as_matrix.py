"""A convolution as the product of a matrix with the image's pixels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.answer import Number
from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.engine import BACKEND, correlated, grid
from nbcnn.functional import conv2d


class Setting(NamedTuple):
    """The sides of image and kernel, and the seed of their numbers."""

    size: int
    kernel: int
    seed: int


@EXERCISES.register()
class ConvolutionAsMatrix(Exercise[Setting]):
    """How many entries of a convolution's matrix are not zero."""

    number, title, chapter = 7, "A convolution as a matrix", "Kernels"

    def draw(self, rng: np.random.Generator) -> Setting:
        return Setting(int(rng.integers(4, 9)), int(rng.choice([2, 3])), int(rng.integers(2**31)))

    def question(self, setting: Setting) -> str:
        n, k = setting.size, setting.kernel
        out = n - k + 1
        return (
            f"A kernel of {k}×{k} numbers (none is zero) slides over an image of {n}×{n} without padding. Written as "
            f"a matrix, it has a row for each of the {out * out} outputs and a column for each of the {n * n} pixels. "
            f"How many of its {out * out * n * n:,} entries are not zero?"
        )

    def answer(self, setting: Setting) -> Number:
        out = setting.size - setting.kernel + 1
        return Number(0, out**2 * setting.size**2, whole=True, close=1, far=4)

    def run(self, setting: Setting, quick: bool) -> Outcome:
        n, k, rng = setting.size, setting.kernel, np.random.default_rng(setting.seed)
        w = rng.integers(1, 10, (k, k)).astype(np.float32)
        units = np.eye(n * n, dtype=np.float32).reshape(n * n, 1, n, n)
        matrix = (
            conv2d(units, w[None, None], backend=BACKEND).reshape(n * n, -1).T
        )  # one column for each image with a single 1
        x = rng.integers(0, 10, (n, n)).astype(np.float32)
        product, engine = matrix @ x.reshape(-1), correlated(x, w).reshape(-1)
        found, out = int(np.count_nonzero(matrix)), n - k + 1
        return Outcome(
            found,
            (
                f"the kernel {k}×{k}, and the matrix {matrix.shape[0]}×{matrix.shape[1]}, made from the engine's "
                "outputs",
                "for images with a single 1; its first rows begin with:",
                *grid(matrix[:3, : min(2 * n, 14)]),
                "matrix times pixels and the engine's convolution differ by at most "
                f"{np.abs(product - engine).max():g}",
                f"not zero: {found} of {matrix.size:,} entries, {found / matrix.size:.1%}",
            ),
            f"Each of the {out * out} outputs sums {k * k} pixels, so each row has {k * k} entries that are not zero: "
            f"{out * out}·{k * k} = {found}. They are the same {k * k} numbers in each row, which is what a "
            f"convolution saves: {k * k} weights in place of {matrix.size:,}.",
            {
                out**2
                * n**2: "That is a dense layer. An output of a convolution meets the pixels of its window alone.",
                k * k: "So many different numbers there are; each stands in every row again.",
                n * n * k * k: f"Rows are outputs, {out * out} of them, not pixels: windows must lie inside the image.",
            },
        )
