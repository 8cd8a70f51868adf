"""A 1×1 convolution beside other ways to the same sums, to the bit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.choice import Several
from nbcnn.exercises.engine import BACKEND
from nbcnn.functional import conv2d, linear


class Setting(NamedTuple):
    """Input and output channels, and the seed of the numbers."""

    channels: int
    outputs: int
    seed: int


@EXERCISES.register()
class PointwiseMatmul(Exercise[Setting]):
    """Which ways to compute a 1×1 convolution give the same bits."""

    number, title, chapter = 17, "1×1 as a matrix product", "Channels"

    def draw(self, rng: np.random.Generator) -> Setting:
        return Setting(int(rng.choice([32, 64, 96, 128])), int(rng.choice([8, 16, 24])), int(rng.integers(2**31)))

    def question(self, setting: Setting) -> str:
        return (
            f"A convolution of 1×1 takes {setting.channels} channels to {setting.outputs} on an image of 8×8, in "
            "float32. Its sum goes over the channels in their order. Which of these give the same numbers to the "
            "last bit?"
        )

    def answer(self, setting: Setting) -> Several:
        return Several(
            (
                "a linear layer, applied to the channels of each pixel",
                "the same convolution with the channels in the opposite order",
                "the same sums in float64, rounded to float32 at the end",
                "the convolution computed by Fourier transforms (backend fft)",
            )
        )

    def run(self, setting: Setting, quick: bool) -> Outcome:
        c, o, seed = setting
        rng = np.random.default_rng(seed)
        x, w = rng.normal(size=(1, c, 8, 8)).astype(np.float32), rng.normal(size=(o, c, 1, 1)).astype(np.float32)
        y = conv2d(x, w, backend=BACKEND)
        pixels = np.ascontiguousarray(x[0].reshape(c, -1).T)
        dense = linear(pixels, np.ascontiguousarray(w[:, :, 0, 0]), backend=BACKEND).T.reshape(y.shape)
        turned = conv2d(np.ascontiguousarray(x[:, ::-1]), np.ascontiguousarray(w[:, ::-1]), backend=BACKEND)
        double = conv2d(x.astype(np.float64), w.astype(np.float64), backend=BACKEND)
        ways = (dense, turned, double.astype(np.float32), conv2d(x, w, backend="fft"))
        differ = [int(np.count_nonzero(way != y)) for way in ways]
        most = [float(np.abs(way - y).max() / np.abs(y).max()) for way in ways]
        texts = self.answer(setting).statements
        return Outcome(
            frozenset(index for index, count in enumerate(differ) if not count),
            tuple(
                f"{text}: {count} of {y.size} numbers differ"
                + (f", by {off:.1e} of the largest at most" if count else "")
                for text, count, off in zip(texts, differ, most, strict=True)
            ),
            "A 1×1 convolution is a linear layer at every pixel. In exact numbers all four ways are equal; in "
            "float32 each sum is rounded after each addition, so the bits depend on the order of the sum and on its "
            "precision.",
            {
                0: "The same products are added in the same order, so each rounding is the same.",
                1: "In another order other partial sums are rounded.",
                2: "float64 rounds once, at the end; float32 after every addition.",
                3: "A transform multiplies other numbers: spectra, rounded by themselves.",
            },
        )
