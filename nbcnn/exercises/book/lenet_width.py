"""LeNet with more or fewer channels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.choice import Choice
from nbcnn.exercises.trainings import MORE_OR_FEWER, clothes, lenet, trained

WIDTHS = ((1, 2), (3, 8), (12, 32))


class Setting(NamedTuple):
    """Which widths are compared, the narrow and the wide one, and the seed."""

    narrow: int
    wide: int
    seed: int


@EXERCISES.register()
class LenetWidth(Exercise[Setting]):
    """How much more channels help."""

    number, title, chapter = 29, "The width of LeNet", "LeNet"
    seconds, trains = 15, True

    def draw(self, rng: np.random.Generator) -> Setting:
        narrow = int(rng.integers(2))
        return Setting(narrow, int(rng.integers(narrow + 1, 3)), int(rng.integers(3)))

    def question(self, setting: Setting) -> str:
        (a, b), (c, d) = WIDTHS[setting.narrow], WIDTHS[setting.wide]
        return (
            f"LeNet (relu, max pooling) is trained with {a} and {b} channels in its convolutions, and with {c} and "
            f"{d}; 4 epochs on 4,000 images of clothes. How many of 1,000 test images does the wide one get right, "
            "compared to the narrow one?"
        )

    def answer(self, setting: Setting) -> Choice:
        return Choice(MORE_OR_FEWER)

    def run(self, setting: Setting, quick: bool) -> Outcome:
        data = clothes(4000, 1000, quick)
        widths = WIDTHS[setting.narrow], WIDTHS[setting.wide]
        narrow, wide = (
            trained(lenet(widths=width), data, 1 if quick else 4, {"adam": {"lr": 0.002}}, setting.seed)
            for width in widths
        )
        gain = wide.accuracy - narrow.accuracy
        truth = (0 if gain >= 0.05 else 1) if gain >= 0 else (2 if gain > -0.05 else 3)
        return Outcome(
            truth,
            tuple(
                f"{a} and {b} channels, {one.network.parameters.size:,} parameters: {one.accuracy:.1%} right, "
                f"training loss {one.loss:.3f}"
                for (a, b), one in zip(widths, (narrow, wide), strict=True)
            ),
            "Channels are what a layer can tell apart: with one or two, edges of most directions are lost before the "
            "linear layers see them. Once there are enough for the task, more of them cost much and bring little.",
            dict.fromkeys(range(4), f"The difference is {100 * gain:+.1f} %."),
        )
