"""Guesses as they are typed, and what they are worth."""

from __future__ import annotations

import re

import numpy as np
import pytest

from nbcnn.errors import ExerciseError
from nbcnn.exercises.answer import Number
from nbcnn.exercises.choice import Choice, Several

ROWS = Number(0, 100, "rows", whole=True, ratio=False, close=0, far=4)
SHARE = Number(0, 100, "%", close=1.05, far=2)
SIDES = Choice((("more", "twice"), ("more", "four times"), ("less", "half")))
HOLD = Several(("one", "two", "three", "four"))


@pytest.mark.parametrize(
    ("kind", "guess", "value"),
    [
        (ROWS, "14", 14),
        (ROWS, " 14 rows ", 14),
        (ROWS, 14.0, 14),
        (ROWS, np.int64(14), 14),
        (SHARE, "12.5 %", 12.5),
        (SHARE, "12.5%", 12.5),
        (SHARE, "1/4", 0.25),
        (SHARE, "1e1", 10),
        (Number(0, 1e6), "1,234.5", 1234.5),
        (Number(-5, 5), "-2", -2),
        (SIDES, "B", 1),
        (SIDES, "b)", 1),
        (HOLD, "a, c", frozenset({0, 2})),
        (HOLD, "a c", frozenset({0, 2})),
        (HOLD, ["A", "c"], frozenset({0, 2})),
        (HOLD, "none", frozenset()),
        (HOLD, [], frozenset()),
    ],
)
def test_guesses_are_read(kind, guess, value):
    assert kind.parse(guess, "here") == value


@pytest.mark.parametrize(
    ("kind", "guess", "sentence"),
    [
        (ROWS, "b", "here: expected a whole number from 0 to 100 (rows), got 'b'"),
        (ROWS, "", "expected a whole number from 0 to 100 (rows), got nothing"),
        (ROWS, None, "got nothing"),
        (ROWS, True, "got True"),
        (ROWS, [3], "got [3]"),
        (ROWS, "101", "got 101; the nearest is 100"),
        (ROWS, -3, "got -3; the nearest is 0"),
        (ROWS, "3.4", "got 3.4; the nearest is 3"),
        (ROWS, float("nan"), "got nan"),
        (ROWS, float("inf"), "got inf"),
        (ROWS, "1e999999999", "got '1e999999999'"),
        (ROWS, "9" * 300, "got a text of 300 characters"),
        (SHARE, "0,5", "got '0,5'; write a decimal point"),
        (SHARE, "1/0", "got '1/0'"),
        (SIDES, "d", "expected one of the letters a, b, c, got 'd'; the nearest is c"),
        (SIDES, "2", "got '2'; the nearest is b"),
        (SIDES, 2, "got 2; the nearest is b"),
        (SIDES, "more, twice", "got 'more, twice'; the nearest is a"),
        (SIDES, "?", "got '?'"),
        (HOLD, "a, e", "expected letters of a, b, c, d with commas between them, or none, got 'e'; the nearest is d"),
        (HOLD, "", "got nothing"),
        (HOLD, {"a": 1}, "got {'a': 1}"),
    ],
)
def test_guesses_of_another_kind_are_refused(kind, guess, sentence):
    with pytest.raises(ExerciseError, match=re.escape(sentence) + "$"):
        kind.parse(guess, "here")


@pytest.mark.parametrize(
    ("kind", "guess", "truth", "credit"),
    [
        (ROWS, 14, 14, 1),
        (ROWS, 15, 14, 0.75),
        (ROWS, 11, 14, 0.25),
        (ROWS, 18, 14, 0),
        (SHARE, 104, 100, 1),
        (SHARE, 50, 100, 0),
        (SHARE, 0, 100, 0),
        (SHARE, 0, 0, 1),
        (SHARE, 141.42, 100, 0.538),  # (ln 2 - ln √2) / (ln 2 - ln 1.05)
        (SIDES, 1, 1, 1),
        (SIDES, 0, 1, 0.5),
        (SIDES, 2, 1, 0),
        (HOLD, frozenset({0}), frozenset({0}), 1),
        (HOLD, frozenset({0, 1}), frozenset({0}), 0.5),
        (HOLD, frozenset({1}), frozenset({0}), 0),
        (HOLD, frozenset(range(4)), frozenset(), 0),
    ],
)
def test_credit(kind, guess, truth, credit):
    assert kind.score(guess, truth).credit == pytest.approx(credit, abs=1e-3)


def test_sentences_are_about_the_readers_own_guess():
    assert ROWS.score(15, 14).sentence == "you said 15, it is 14 rows: 1 too high, 7% of it"
    assert ROWS.score(14, 14).sentence == "14 rows is right"
    assert SHARE.score(104, 100).sentence == "104 % is near enough: it is 100"
    assert SIDES.score(0, 1).sentence == (
        'you said a (more, twice), it is b (more, four times): "more" is right, "twice" is not'
    )
    assert HOLD.score(frozenset({0, 1}), frozenset({0, 2})).sentence == (
        "you said a, b, it is a, c: c holds and b does not; 2 of 4 judged rightly"
    )


def test_a_letter_says_another_option_in_another_order():
    orders = {SIDES.shuffled(np.random.default_rng(seed)).order for seed in range(20)}
    assert len(orders) == 6
    turned = Choice(SIDES.options, (2, 0, 1))
    assert turned.lines == ["a) less, half", "b) more, twice", "c) more, four times"]
    assert turned.parse("a", "here") == 2
    assert turned.text(2) == "a"
    assert Several(HOLD.statements, (3, 2, 1, 0)).parse("a", "here") == frozenset({3})


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (ROWS, "Credit is 1 where a number is right, 0 where it is off by 4 rows or more."),
        (
            SHARE,
            "Credit is 1 where a number is off by a factor of 1.05 or less, 0 where it is off by a factor of 2 or more.",
        ),
        (
            Number(0, 9, ratio=False, close=0.5, far=3),
            "Credit is 1 where a number is off by 0.5 or less, 0 where it is off by 3 or more.",
        ),
        (SIDES, "Credit is the share of an option's parts that are right."),
        (Choice((("one",), ("two",))), "Credit is 1 for the right option, 0 for the others."),
        (HOLD, "Credit is the share of letters judged rightly less the share judged wrongly, and at least 0."),
    ],
)
def test_a_scale_says_what_a_wrong_guess_gets(kind, sentence):
    assert kind.scale == sentence


def test_lines_of_an_experiment_get_the_letters_of_their_options():
    drawn = Choice((("x", "1"), ("y", "2")), order=(1, 0))
    assert drawn.lettered(("x, 1: low", "seen", "y, 2: high")) == ("a) y, 2: high", "b) x, 1: low", "seen")
    assert drawn.lettered(("x, 1: low", "seen")) == ("x, 1: low", "seen")
    hold = Several(("x", "xy"), order=(1, 0))
    assert hold.lettered(("x: no", "xy: yes")) == ("a) xy: yes", "b) x: no")
    assert ROWS.lettered(("a line",)) == ("a line",)
