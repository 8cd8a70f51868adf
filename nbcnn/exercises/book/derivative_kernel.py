"""The smallest kernel that computes a derivative."""

from __future__ import annotations

from math import factorial
from typing import NamedTuple

import numpy as np

from nbcnn.exercises.answer import Number
from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.engine import correlated, in_one_line

MOST = 8
TIMES = ("", "first", "second", "third", "fourth", "fifth")


class Setting(NamedTuple):
    """Which derivative."""

    order: int


@EXERCISES.register()
class DerivativeKernel(Exercise[Setting]):
    """How many taps the kernel of a derivative needs at least."""

    number, title, chapter = 4, "The smallest kernel for a derivative", "Kernels"

    def draw(self, rng: np.random.Generator) -> Setting:
        return Setting(int(rng.integers(1, 6)))

    def question(self, setting: Setting) -> str:
        powers = ", ".join(("1", "x", "x²", "x³", "x⁴", "x⁵")[: setting.order + 1])
        return (
            "A row of pixels holds the values of a function, one pixel apart. A kernel of one row shall give its "
            f"{TIMES[setting.order]} derivative, exactly for {powers}. How many numbers must the kernel have at least?"
        )

    def answer(self, setting: Setting) -> Number:
        return Number(1, MOST, whole=True, ratio=False, close=0, far=3)

    def run(self, setting: Setting, quick: bool) -> Outcome:
        order, shown, x = setting.order, [], np.arange(-4, 8, dtype=np.float64)
        smallest, kernel = 0, np.zeros(1)
        for size in range(1, MOST + 1):
            kernel, error = _fitted(order, size)
            if error > 1e-6:
                shown.append(f"{size} numbers: no kernel; the best one is off by {error:.2g}")
                continue
            smallest = size
            break
        rounded = np.rint(kernel)
        shown.append(f"{smallest} numbers: {in_one_line(rounded[None])}")
        for power in range(order + 1):
            y = correlated((x**power)[None], rounded[None])
            shown.append(f"  the engine on x^{power}: {' '.join(f'{value:g}' for value in y[0][:4])} ...")
        return Outcome(
            smallest,
            tuple(shown),
            f"The kernel must give 0 for {'1' if order == 1 else f'the {order} powers below x^{order}'} and "
            f"{factorial(order)} for x^{order}: {order + 1} conditions, so {order + 1} numbers, which are those of [1 "
            f"-1] applied {'once' if order == 1 else f'{order} times'}, up to the sign.",
            {
                order: f"There are {order + 1} conditions, one for each power of x from x^0 on; {order} numbers can't "
                f"meet all.",
                order + 2: "It can be done with one less; a kernel with a middle tap is symmetric, not smaller.",
            },
        )


def _fitted(order: int, size: int) -> tuple[np.ndarray, float]:
    """The kernel of so many taps that is nearest to the derivative on all powers, and by how much it is off."""
    conditions = np.arange(size, dtype=np.float64)[None] ** np.arange(order + 1)[:, None]
    wanted = np.where(np.arange(order + 1) == order, float(factorial(order)), 0.0)
    kernel = np.linalg.lstsq(conditions, wanted, rcond=None)[0]
    return kernel, float(np.abs(conditions @ kernel - wanted).max())
