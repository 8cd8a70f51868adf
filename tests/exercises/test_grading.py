"""Whose question it is, and what a guess for it gets."""

from __future__ import annotations

import json
import re

import pytest

import nbcnn
from nbcnn.errors import ExerciseError
from nbcnn.exercises import grade, task
from nbcnn.exercises.base import EXERCISES, Exercise, all_exercises, find


def test_numbers_are_the_names_own():
    assert task(10, "Ada").setting == task("output_shape", "ADA ").setting
    settings = {task(10, name).setting for name in ("", "Ada", "Grace", "Emmy", "Sofja")}
    assert len(settings) == 5
    assert len({task(10, "Ada", seed).setting for seed in range(5)}) == 5


def test_a_wrong_guess_gets_a_part_and_what_may_have_led_to_it():
    n, k, p, s, d = task(10).setting
    rows = (n + 2 * p - d * (k - 1) - 1) // s + 1
    right, near = grade(10, rows), grade(10, rows + 1)
    assert (right.credit, right.hints, right.answer) == (1, (), str(rows))
    assert near.credit == 0.75
    assert near.hints[0].startswith("That rounds up.")
    assert f"you said {rows + 1}, it is {rows} rows: 1 too high" in near.sentence
    assert json.loads(json.dumps(near.as_json()))["exercise"] == "output_shape"
    assert nbcnn.exercises.grade is grade


@pytest.mark.parametrize(
    ("which", "sentence"),
    [
        (0, "there is no exercise 0: they are numbered from 1 to {most}; the nearest is 1 (diagonal_edges)"),
        (-4, "the nearest is 1 (diagonal_edges)"),
        ("999", "there is no exercise 999: they are numbered from 1 to {most}; the nearest is {most} ("),
        ("outputshape", "there is no exercise 'outputshape'; did you mean output_shape?"),
        ("Output Shape", "did you mean output_shape?"),
        ("zebra", "there is no exercise 'zebra'; give a number from 1 to {most} or a name"),
        ("1.5", "there is no exercise '1.5'"),
        (None, "there is no exercise 'None'"),
        ("9" * 5000, "there is no exercise '9999"),
    ],
)
def test_exercises_that_are_not_there(which, sentence):
    most = str(max(all_exercises()))
    with pytest.raises(ExerciseError, match=re.escape(sentence.replace("{most}", most))):
        find(which)


def test_what_else_is_refused():
    for seed in (-1, 2**64, True, 1.5):
        with pytest.raises(ExerciseError, match=r"the seed of exercises is a whole number from 0 to 2\^64-1, got"):
            task(1, seed=seed)
    with pytest.raises(ExerciseError, match="a reader's name is a text of at most 200 characters"):
        task(1, "x" * 201)
    with pytest.raises(ExerciseError, match=r"exercise 10 \(output_shape\): expected a whole number"):
        grade(10, "b")


def test_two_exercises_of_one_number_are_refused(monkeypatch):
    class Other(EXERCISES.get("blur")):
        pass

    monkeypatch.setitem(EXERCISES._things, "other", Other)
    with pytest.raises(ExerciseError, match="exercises blur and other both have the number 5; change one"):
        all_exercises()
    assert issubclass(Other, Exercise)
