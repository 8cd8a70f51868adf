"""LeNet with other kernels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.answer import Number
from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.trainings import clothes, lenet, trained


class Setting(NamedTuple):
    """The kernel's side that is asked for, and the seed."""

    kernel: int
    seed: int


@EXERCISES.register()
class LenetKernel(Exercise[Setting]):
    """The accuracy of LeNet with kernels of another size."""

    number, title, chapter = 30, "The kernels of LeNet", "LeNet"
    seconds, trains = 20, True

    def draw(self, rng: np.random.Generator) -> Setting:
        return Setting(int(rng.choice([1, 3, 5, 7])), int(rng.integers(2)))

    def question(self, setting: Setting) -> str:
        k = setting.kernel
        return (
            f"LeNet (relu, max pooling, 6 and 16 channels, the size kept by padding) has kernels of {k}×{k} and is "
            "trained for 4 epochs on 4,000 images of clothes. How many percent of 1,000 test images does it get "
            "right?"
        )

    def answer(self, setting: Setting) -> Number:
        return Number(0, 100, "%", ratio=False, close=2, far=20)

    def run(self, setting: Setting, quick: bool) -> Outcome:
        data = clothes(4000, 1000, quick)
        sides = (1, setting.kernel) if quick else (1, 3, 5, 7)
        found = {
            k: 100 * trained(lenet(kernel=k), data, 1 if quick else 4, {"adam": {"lr": 0.002}}, setting.seed).accuracy
            for k in sides
        }
        return Outcome(
            round(found[setting.kernel], 2),
            tuple(f"kernels of {k}×{k}: {accuracy:.1f} % right" for k, accuracy in found.items()),
            "Even 1×1 kernels, which see no neighbours at all, do not fail: the linear layers still see every place "
            "of the pooled image. Kernels that see neighbours find edges by themselves. Larger ones have more "
            "weights to learn from the same images, so they need not be better.",
            {10: "Guessing gets 10 % right; a few thousand images teach much more than that."},
        )
