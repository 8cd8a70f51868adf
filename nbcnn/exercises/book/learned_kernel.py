"""A kernel learned from pairs of input and output."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.answer import Number
from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.engine import BACKEND
from nbcnn.functional import conv2d, conv2d_grad_weight

STEPS = 30


class Setting(NamedTuple):
    """The kernel that makes the outputs, whether it is flipped as mathematics has it, and the seed of the images."""

    kernel: tuple[int, ...]
    flipped: bool
    seed: int


@EXERCISES.register()
class LearnedKernel(Exercise[Setting]):
    """The first number of a kernel that gradient descent finds."""

    number, title, chapter = 6, "Learning a kernel", "Kernels"

    def draw(self, rng: np.random.Generator) -> Setting:
        kernel = tuple(int(value) for value in rng.choice([-5, -4, -3, -2, 2, 3, 4, 5], 3, replace=False))
        return Setting(kernel, bool(rng.random() < 0.7), int(rng.integers(2**31)))

    def question(self, setting: Setting) -> str:
        numbers = "({}, {}, {})".format(*setting.kernel)
        first, second, third = (str(value) if value > 0 else f"({value})" for value in setting.kernel)
        how = (
            f"y[j] = {first}·x[j+1] + {second}·x[j] + {third}·x[j-1], the convolution of mathematics with "
            if setting.flipped
            else f"y[j] = {first}·x[j-1] + {second}·x[j] + {third}·x[j+1], the cross-correlation with "
        )
        return (
            f"Images x and outputs y are given, where in each row {how}{numbers}. A conv2d layer of 1×3 without bias "
            f"begins with zeros and makes {STEPS} steps of gradient descent on the mean squared error. What is the "
            "first (leftmost) number of its kernel then?"
        )

    def answer(self, setting: Setting) -> Number:
        return Number(-10, 10, ratio=False, close=0.1, far=4)

    def run(self, setting: Setting, quick: bool) -> Outcome:
        x = np.random.default_rng(setting.seed).normal(size=(16, 1, 4, 12)).astype(np.float32)
        kernel = np.array(setting.kernel, np.float32)
        left, middle, right = x[..., :-2], x[..., 1:-1], x[..., 2:]
        ends = (right, middle, left) if setting.flipped else (left, middle, right)
        y = kernel[0] * ends[0] + kernel[1] * ends[1] + kernel[2] * ends[2]
        w: np.ndarray = np.zeros((1, 1, 1, 3), np.float32)
        shown = []
        for step in range(1, STEPS + 1):
            error = conv2d(x, w, backend=BACKEND) - y
            gradient = conv2d_grad_weight(x, w.shape, 2 * error / np.float32(error.size), backend=BACKEND)
            w = w - np.float32(0.3) * gradient
            if step in (1, 2, 5, 10, STEPS):
                numbers = " ".join(f"{value + 0:.3f}" for value in w.reshape(-1))
                shown.append(f"step {step:>2}: mean squared error {float((error**2).mean()):.2e}, kernel {numbers}")
        first, last = setting.kernel[0], setting.kernel[2]
        turned = "turned round: the layer's first number meets x[j-1], which the formula multiplies by the last"
        return Outcome(
            round(float(w[0, 0, 0, 0]), 3) + 0.0,
            tuple(shown),
            "A conv2d layer computes cross-correlation: its first number meets the left neighbour. It finds the "
            f"kernel {turned if setting.flipped else 'as it is written, for the formula is the same'}. In a network "
            "nobody notices: a kernel that is learned is learned as the layer needs it.",
            {
                first: "That is the first number of the formula, which meets the right neighbour x[j+1] there.",
                last: "That would be right for the convolution of mathematics, which turns the kernel round.",
            },
        )
