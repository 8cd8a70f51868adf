"""Exercises: the book's questions as experiments, with a guess before and an explanation after.

Each file in ``book`` is one exercise, found by being there.
"""

from __future__ import annotations

from nbcnn.exercises.base import all_exercises
from nbcnn.exercises.class_answers import grade_class
from nbcnn.exercises.grading import Graded, grade, task

__all__ = ["Graded", "all_exercises", "grade", "grade_class", "task"]
