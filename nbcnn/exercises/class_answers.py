"""The answers of a class: a YAML file of guesses, graded, as JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbcnn.config.tree import KeyPath, Tree
from nbcnn.config.yaml_tree import MAX_BYTES, read_yaml, show
from nbcnn.errors import ConfigError, ExerciseError, printable, shown
from nbcnn.exercises.answer import Value
from nbcnn.exercises.grading import Graded, Task, graded, task
from nbcnn.util.files import claim_folder, read_file, write_atomic
from nbcnn.util.html_table import table
from nbcnn.util.suggestions import nearest

COLUMNS = ("student", "number", "exercise", "guess", "answer", "credit")
_EXPECTED = "answers (students: names, each with exercises and guesses, such as {Ada: {1: 28, 2: a}})"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class ClassGrades:
    """The grades of a class: ``students`` with what each of their guesses got, in the order of the file."""

    seed: int
    students: dict[str, list[Graded]]

    def points(self, student: str) -> float:
        """The sum of a student's credits."""
        return round(sum(one.credit for one in self.students[student]), 3)

    def _repr_html_(self) -> str:
        """In a notebook: the points of each student."""
        rows = [(student, f"{self.points(student):g}", len(grades)) for student, grades in self.students.items()]
        return table(("student", "points", "of"), rows, f"grades of {len(rows)} students, seed {self.seed}")

    def as_json(self) -> dict[str, Any]:
        """All of it as a mapping of plain values."""
        students = [
            {
                "student": student,
                "points": self.points(student),
                "of": len(grades),
                "exercises": [one.as_json() for one in grades],
            }
            for student, grades in self.students.items()
        ]
        return {"seed": self.seed, "students": students}

    def as_csv(self) -> str:
        """One row for each guess, with COLUMNS. A name that a spreadsheet would compute gets a ' before it."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        for student, grades in self.students.items():
            name = f"'{student}" if student.startswith(_FORMULA) else student
            for one in grades:
                writer.writerow([name, one.number, one.exercise, one.guess, one.answer, one.credit])
        return text.getvalue()

    def write(self, out: str | Path) -> Path:
        """Write ``grades.json`` and ``grades.csv`` into a new folder; raises ExerciseError where that can't be made."""
        folder = claim_folder(out, "", "", ExerciseError)
        write_atomic(folder / "grades.json", f"{json.dumps(self.as_json())}\n".encode(), ExerciseError)
        write_atomic(folder / "grades.csv", self.as_csv().encode("utf-8", "replace"), ExerciseError)
        return folder


def read_answers(file: str | Path) -> tuple[int, dict[str, list[tuple[Task, Value]]]]:
    """The seed and the guesses of each student in a file; nothing is computed.

    Raises ExerciseError with a line for each mistake: file:line:column, what was expected and what was there.
    """
    name = shown(file)
    try:
        tree = read_yaml(read_file(file, MAX_BYTES + 1, ConfigError), name, _EXPECTED, number_keys=True)
    except ConfigError as error:
        raise ExerciseError(str(error)) from None
    problems: list[str] = []
    root: dict[str, Any] = tree.root
    for key in root:
        if key not in ("students", "seed"):
            problems.append(f"{tree.place((key,), True)}: unknown key {key!r}; {nearest(key, ('students', 'seed'))}")
    seed, students = root.get("seed", 0), root.get("students")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        problems.append(f"{tree.place(('seed',))}: seed: expected a whole number of at least 0, got {show(seed)}")
        seed = 0
    if not (isinstance(students, dict) and students):
        got = f"got {show(students)}" if "students" in root else "which is missing"
        problems.append(f"{tree.place(('students',))}: students: expected a mapping of names, {got}")
        students = {}
    found = {student: _guesses(tree, student, given, seed, problems) for student, given in students.items()}
    if problems:
        raise ExerciseError("\n".join(problems))
    return seed, found


def _guesses(tree: Tree, student: str, given: Any, seed: int, problems: list[str]) -> list[tuple[Task, Value]]:
    """The guesses of one student, in the order of the exercises; what is wrong is added to ``problems``."""
    path: KeyPath = ("students", student)
    if not (isinstance(given, dict) and given):
        problems.append(
            f"{tree.place(path)}: {student}: expected exercises with guesses, such as {{1: 28, 2: a}}, got "
            f"{show(given)}"
        )
        return []
    found: dict[str, tuple[Task, Value]] = {}
    for which, guess in given.items():
        try:
            one = task(which, student, seed)
        except ExerciseError as error:
            problems.append(f"{tree.place((*path, which), True)}: {error}")
            continue
        try:
            if one.name in found:
                raise ExerciseError(f"{one.where} is answered twice by {student}; keep one")
            found[one.name] = one, one.answer.parse(guess, one.where)
        except ExerciseError as error:
            problems.append(f"{tree.place((*path, which))}: {error}")
    return sorted(found.values(), key=lambda pair: pair[0].exercise.number)


def grade_class(
    file: str | Path, *, quick: bool = False, progress: Callable[[str, Task], None] | None = None
) -> ClassGrades:
    """Grade a YAML file of answers: ``{students: {Ada: {1: 28, 2: a}}}``, with the class's ``seed`` if it has one.

    ``progress`` is told each student and task before it is computed. Raises ExerciseError with all mistakes of the file
    before anything is computed.
    """
    seed, answers = read_answers(os.fspath(file))
    grades: dict[str, list[Graded]] = {}
    for student, guesses in answers.items():
        grades[student] = []
        for one, guess in guesses:
            if progress:
                progress(printable(student), one)
            grades[student].append(graded(one, guess, quick))
    return ClassGrades(seed, grades)
