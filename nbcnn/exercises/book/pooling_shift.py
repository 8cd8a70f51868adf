"""Pooling and shifts: when does the output shift along?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.choice import Several
from nbcnn.functional import avg_pool2d, max_pool2d

CASES = (
    ("max", 2, 2, 1), ("max", 2, 2, 2), ("max", 3, 1, 1), ("max", 3, 2, 4), ("max", 3, 3, 2), ("avg", 2, 2, 1),
    ("avg", 2, 2, 4), ("avg", 3, 1, 2), ("avg", 3, 3, 3), ("max", 2, 3, 3),
)  # fmt: skip
"""Kind of pooling, window, stride, and pixels of the shift."""


class Setting(NamedTuple):
    """Four of the cases, and the seed of the image."""

    cases: tuple[int, ...]
    seed: int


@EXERCISES.register()
class PoolingShift(Exercise[Setting]):
    """Which poolings give shifted outputs for shifted images."""

    number, title, chapter = 26, "Pooling a shifted image", "Pooling"

    def draw(self, rng: np.random.Generator) -> Setting:
        return Setting(
            tuple(sorted(int(k) for k in rng.choice(len(CASES), 4, replace=False))), int(rng.integers(2**31))
        )

    def question(self, setting: Setting) -> str:
        return (
            "A large image is shifted to the right and pooled. After which of these are the outputs the old ones, "
            "shifted by a whole number of places (away from the border)?"
        )

    def answer(self, setting: Setting) -> Several:
        return Several(tuple(_text(*CASES[case]) for case in setting.cases))

    def run(self, setting: Setting, quick: bool) -> Outcome:
        wide = np.random.default_rng(setting.seed).integers(0, 256, (1, 1, 24, 60)).astype(np.float32)
        found, shown, mistakes = set(), [], dict[float, str]()
        for index, case in enumerate(setting.cases):
            kind, window, stride, shift = CASES[case]
            pool = max_pool2d if kind == "max" else avg_pool2d
            before, after = (
                pool(np.ascontiguousarray(wide[..., start : start + 48]), window, stride)[0, 0] for start in (shift, 0)
            )
            differ = {
                places: np.mean(before[:, : before.shape[1] - places] != after[:, places:])
                for places in range(min(4, before.shape[1]))
            }
            places = min(differ, key=lambda key: differ[key])
            if differ[places] == 0:
                found.add(index)
                mistakes[index] = (
                    f"{shift} is a multiple of the stride {stride}: each window holds the pixels of another one before."
                )
                shown.append(f"{_text(*CASES[case])}: the same, shifted by {places}")
            else:
                mistakes[index] = (
                    f"{shift} is no multiple of the stride {stride}: the windows hold other pixels than before."
                )
                shown.append(
                    f"{_text(*CASES[case])}: at best (shifted by {places}) {differ[places]:.0%} of the outputs differ"
                )
        return Outcome(
            frozenset(found),
            tuple(shown),
            "Pooling commutes with shifts by multiples of its stride, and with no others: window and kind of pooling "
            "do not matter. With stride 1 it is equivariant as convolutions are. A larger stride is bought with "
            "that, and what is left is not invariance either: other windows have other maxima.",
            mistakes,
        )


def _text(kind: str, window: int, stride: int, shift: int) -> str:
    pixels = "1 pixel" if shift == 1 else f"{shift} pixels"
    return f"{kind} pooling {window}×{window} with stride {stride}, image shifted by {pixels}"
