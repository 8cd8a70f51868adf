"""Every exercise: its experiment gives what is known by other ways, and answers can be read off nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from exhaustive import exhaustive, parametrize

from nbcnn.exercises.answer import Number
from nbcnn.exercises.base import CHAPTERS, EXERCISES, all_exercises
from nbcnn.exercises.grading import graded, task

NAMES = ["", "Ada", "Bo", "Cy"]
QUIET = [name for name in all_exercises().values() if not EXERCISES.get(name).trains]
TRAINING = [name for name in all_exercises().values() if EXERCISES.get(name).trains]


def sums_of(dilations: tuple[int, ...]) -> set[int]:
    return {sum(places) for places in product(*((-d, 0, d) for d in dilations))}


def padded_rows(n: int, k: int, p: int, s: int, d: int) -> int:
    """Windows counted one by one."""
    return sum(1 for first in range(0, n + 2 * p, s) if first + d * (k - 1) < n + 2 * p)


def symmetric(kernel: tuple[int, ...]) -> bool:
    return all(kernel[3 * i + j] == kernel[3 * j + i] for i in range(3) for j in range(3))


def mirrored(s: Any) -> float:
    return s.first + s.step * sum(abs(j) for j in range(-(s.kernel // 2), s.kernel // 2 + 1)) / s.kernel


def ramp_macs(s: Any, factor: int) -> int:
    widths = [s.image, *[factor * s.width] * s.layers]
    return sum(a * b for a, b in pairwise(widths))


def step_macs(s: Any) -> float:
    chain = (s.image, *s.widths)
    forward = [a * b for a, b in pairwise(chain)]
    return (3 * sum(forward) - forward[0]) / sum(forward)


def dense_share(s: Any) -> float:
    convs = s.first * 26 + s.second * (25 * s.first + 1)
    inputs = s.second * ((s.size // 2 - 4) // 2) ** 2
    dense = 120 * (inputs + 1) + 84 * 121 + 10 * 85
    return 100 * dense / (dense + convs)


def softmax_mean(s: Any) -> float:
    weights = [math.exp(s.factor * x) for x in s.pixels]
    return sum(w * x for w, x in zip(weights, s.pixels, strict=True)) / sum(weights)


def separable(kernel: np.ndarray) -> bool:
    """All minors of 2×2 vanish."""
    rows = [(a, b) for a in range(3) for b in range(a)]
    return all(kernel[a, i] * kernel[b, j] == kernel[a, j] * kernel[b, i] for a, b in rows for i, j in rows)


def of_kernels(s: Any) -> frozenset[int]:
    from nbcnn.exercises.book.split_convolution import KERNELS

    return frozenset(index for index, k in enumerate(s.kernels) if separable(np.array(KERNELS[k])))


def of_shifts(s: Any) -> frozenset[int]:
    from nbcnn.exercises.book.pooling_shift import CASES

    return frozenset(index for index, case in enumerate(s.cases) if CASES[case][3] % CASES[case][2] == 0)


KNOWN: dict[str, Callable[[Any], Any]] = {
    "diagonal_edges": lambda s: sum(1 for i in range(s.size) if 0 <= i + s.shift < s.size - 1),
    "transposed_kernel": lambda s: frozenset({0, 1, 3} if symmetric(s.kernel) else {1, 3}),
    "directional_edge": lambda s: s.direction,
    "derivative_kernel": lambda s: s.order + 1,
    "blur": lambda s: pytest.approx(s.noise / s.kernel, rel=0.05),
    "learned_kernel": lambda s: pytest.approx(s.kernel[2 if s.flipped else 0], abs=0.01),
    "convolution_as_matrix": lambda s: ((s.size - s.kernel + 1) * s.kernel) ** 2,
    "border": lambda s: pytest.approx(
        s.level * (s.kernel // 2 + 1) * (s.kernel // 2 + 1 if s.corner else s.kernel) / s.kernel**2, rel=1e-3
    ),
    "mirror_padding": lambda s: pytest.approx(mirrored(s), rel=1e-4),
    "output_shape": lambda s: padded_rows(*s),
    "padding_cost": lambda s: pytest.approx(100 * ((s.size + 2 * s.padding) ** 2 / s.size**2 - 1), abs=1e-3),
    "stride_cost": lambda s: pytest.approx(100 * (1 + 2 / s.stride**2) / 3, abs=1e-3),
    "stride_aliasing": lambda s: abs(s.stripes - 48 // s.stride),
    "dilation_grid": lambda s: len(sums_of(s.dilations)) ** 2,
    "merge_convolutions": lambda s: sum(s.kernels) - len(s.kernels) + 1,
    "split_convolution": of_kernels,
    "pointwise_matmul": lambda s: frozenset({0}),
    "channels_cost": lambda s: pytest.approx(ramp_macs(s, s.factor) / ramp_macs(s, 1), abs=1e-3),
    "backward_cost": lambda s: pytest.approx(step_macs(s), abs=1e-3),
    "grouped_cost": lambda s: s.channels * s.outputs * s.kernel**2 // s.groups,
    "separable_cost": lambda s: pytest.approx(s.kernel**2 * s.outputs / (s.kernel**2 + s.outputs), abs=1e-3),
    "average_pool_as_conv": lambda s: 0,
    "max_pool_from_relu": lambda s: s.rows * s.columns - 1,
    "min_pooling": lambda s: frozenset(index for index, way in enumerate(s.ways) if way in (0, 1, 4)),
    "softmax_pooling": lambda s: pytest.approx(softmax_mean(s), abs=2e-3),
    "pooling_shift": of_shifts,
    "dense_share": lambda s: pytest.approx(dense_share(s), abs=1e-3),
}
"""The answers by other ways than the engine: formulas, or counting."""


def test_every_exercise_without_a_training_is_known_by_another_way():
    assert set(KNOWN) == set(QUIET)


def check(name: str, reader: str, quick: bool) -> None:
    """One reader's exercise: the truth is a guess that can be given and gets all, and all that is said can be printed."""
    one = task(name, reader)
    outcome = one.outcome(quick)
    text = one.answer.text(outcome.truth)
    guess = one.answer.parse(text, one.where)
    result = graded(one, guess, quick)
    assert result.credit == 1
    assert result.hints == ()
    assert result.shown
    assert result.why.endswith(".")
    assert text not in one.question.split() or isinstance(one.answer, Number)
    wrong = [value for value in outcome.mistakes if not isinstance(outcome.truth, frozenset)]
    for value in wrong:
        if isinstance(one.answer, Number) and not one.answer.low <= value <= one.answer.high:
            continue
        if isinstance(outcome.truth, (int, float)) and abs(value - outcome.truth) > 0.01 * abs(outcome.truth):
            told = graded(one, value, quick)
            assert told.hints == (outcome.mistakes[value],)
            assert "you said" in told.sentence or told.credit == 1
    if isinstance(outcome.truth, frozenset):
        every = frozenset(range(len(one.answer.lines)))
        assert len(graded(one, every - outcome.truth, quick).hints) == len(every)


@pytest.mark.parametrize("name", QUIET)
@parametrize("reader", NAMES, quick=["Ada"])
def test_an_experiment_gives_what_is_known(name, reader):
    assert EXERCISES.get(name).chapter in CHAPTERS
    one = task(name, reader)
    assert one.outcome().truth == KNOWN[name](one.setting), one.setting
    check(name, reader, quick=False)


@pytest.mark.parametrize("name", QUIET)
def test_answers_are_other_ones_for_other_readers(name):
    """As they would be written: a letter of one reader says nothing to the next."""
    said = set()
    for number in range(24):
        one = task(name, f"reader {number}")
        known = KNOWN[name](one.setting)
        value = getattr(known, "expected", known)
        said.add(one.answer.text(value if isinstance(value, (frozenset, int)) else float(value)))
    assert len(said) >= 3


@pytest.mark.parametrize("name", [name for name in QUIET if task(name).answer.kind != "number"])
def test_what_is_shown_of_an_option_has_its_letter(name):
    one = task(name, "Ada")
    result = graded(one, one.answer.parse("a", one.where))
    options = one.answer.lines
    assert len(options) > 1
    assert all(line.startswith(f"{option}: ") for line, option in zip(result.shown, options, strict=False))
    hints = [hint[:2] for hint in result.hints]
    assert one.answer.kind == "choice" or (hints == sorted(hints) and all(hint[1] == ")" for hint in hints))


def test_the_bound_of_a_count_is_the_size_of_the_output():
    for reader in NAMES:
        one = task("diagonal_edges", reader)
        rows = sum(line.startswith("    ") for line in one.question.splitlines())
        assert one.answer.high == rows * (rows - 1)


@pytest.mark.parametrize("name", TRAINING)
def test_a_training_in_short(name):
    check(name, "Ada", quick=True)


@exhaustive
@pytest.mark.parametrize("name", TRAINING)
def test_a_training_in_full(name):
    for reader in NAMES[:2]:
        check(name, reader, quick=False)
