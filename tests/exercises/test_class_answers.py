"""A class's file of answers: graded as JSON and CSV, and what is wrong with it."""

from __future__ import annotations

import csv
import json
import re

import pytest

from nbcnn.errors import ExerciseError
from nbcnn.exercises.class_answers import COLUMNS, grade_class
from nbcnn.exercises.grading import grade

CLASS = """\
seed: 7
students:
  Ada: {1: 4, output_shape: 14, 2: [b, d]}
  =Grace: {10: "20", 2: none}
"""


def test_a_class_is_graded(tmp_path):
    (tmp_path / "class.yaml").write_text(CLASS)
    told = []
    grades = grade_class(tmp_path / "class.yaml", progress=lambda student, task: told.append((student, task.name)))
    assert told[:3] == [("Ada", "diagonal_edges"), ("Ada", "transposed_kernel"), ("Ada", "output_shape")]
    alone = [grade(which, guess, name="Ada", seed=7) for which, guess in ((1, 4), (2, ["b", "d"]), (10, 14))]
    assert grades.students["Ada"] == alone
    assert grades.points("Ada") == pytest.approx(sum(one.credit for one in alone), abs=1e-3)
    folder = grades.write(tmp_path / "grades")
    kept = json.loads((folder / "grades.json").read_text())
    assert kept["seed"] == 7
    assert [one["student"] for one in kept["students"]] == ["Ada", "=Grace"]
    assert kept["students"][0]["of"] == 3
    rows = list(csv.reader((folder / "grades.csv").read_text().splitlines()))
    assert tuple(rows[0]) == COLUMNS
    assert rows[1] == ["Ada", "1", "diagonal_edges", "4", alone[0].answer, str(alone[0].credit)]
    assert rows[4][0] == "'=Grace"  # which no spreadsheet computes
    assert len(rows) == 6
    with pytest.raises(ExerciseError, match="grades exists already and is never overwritten"):
        grades.write(tmp_path / "grades")


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", [":1:1: the file is empty; expected answers (students: names, each with exercises and guesses"]),
        ("- a\n", [":1:1: expected answers (students: names"]),
        ("students: 3\n", [":1:11: students: expected a mapping of names, got 3"]),
        ("seed: 3\n", ["students: expected a mapping of names, which is missing"]),
        ("studens: {Ada: {1: 3}}\n", [":1:1: unknown key 'studens'; did you mean students?", "which is missing"]),
        ("seed: -1\nstudents: {Ada: {1: 3}}\n", [":1:7: seed: expected a whole number of at least 0, got -1"]),
        ("students:\n  Ada: 3\n", [":2:8: Ada: expected exercises with guesses, such as {1: 28, 2: a}, got 3"]),
        (
            "students:\n  Ada: {99: 3, 10: b}\n  Bo: {10: 400}\n",
            [
                ":2:9: there is no exercise 99: they are numbered from 1 to",
                ":2:20: exercise 10 (output_shape): expected a whole number from 0 to 100 (rows), got 'b'",
                ":3:12: exercise 10 (output_shape): expected a whole number from 0 to 100 (rows), got 400; the nearest is 100",
            ],
        ),
        (
            "students: {Ada: {10: 3, output_shape: 4}}\n",
            ["exercise 10 (output_shape) is answered twice by Ada; keep one"],
        ),
        ("students: {Ada: {1: 3, 1: 4}}\n", ["the key '1' is given twice"]),
        ("students: {Ada: {1: yes}}\n", ["expected a whole number from 0 to", "got 'yes'"]),
        ("students: {Ada: {1: true}}\n", ["got True"]),
        ("students: {Ada: {1: }}\n", ["got nothing"]),
    ],
)
def test_what_is_wrong_with_a_file(tmp_path, monkeypatch, text, sentences):
    (tmp_path / "class.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExerciseError) as caught:
        grade_class("class.yaml")
    for sentence in sentences:
        assert sentence in str(caught.value)
    assert re.match(r"class\.yaml", str(caught.value))


def test_files_that_can_not_be_read(tmp_path):
    with pytest.raises(ExerciseError, match=r"none\.yaml"):
        grade_class(tmp_path / "none.yaml")
    with pytest.raises(ExerciseError, match=r"is not a file|directory"):
        grade_class(tmp_path)
