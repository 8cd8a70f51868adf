"""The list of exercises, and the page that is made of it."""

from __future__ import annotations

import re
from pathlib import Path

from nbcnn.exercises.base import CHAPTERS
from nbcnn.exercises.class_answers import read_answers
from nbcnn.exercises.listing import listed, page

PAGE = Path(__file__).parents[2] / "docs" / "exercises.md"


def test_the_page_is_what_the_command_prints():
    assert PAGE.read_text(encoding="utf-8") == page()


def test_the_answers_on_the_page_can_be_graded(tmp_path):
    (answers,) = re.findall(r"^```\n(seed: .*?)^```$", page(), re.S | re.M)
    (tmp_path / "class.yaml").write_text(answers, encoding="utf-8")
    seed, students = read_answers(tmp_path / "class.yaml")
    assert (seed, [len(guesses) for guesses in students.values()]) == (7, [3, 2])


def test_there_are_enough_and_they_stand_in_the_books_order():
    rows = listed()
    assert len(rows) >= 24
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    chapters = [CHAPTERS.index(row.chapter) for row in rows]
    assert chapters == sorted(chapters)
    files = {path.stem for path in (PAGE.parents[1] / "nbcnn" / "exercises" / "book").glob("[a-z]*.py")}
    assert {row.name for row in rows} == files
    assert all(0 < row.seconds <= 60 for row in rows)
