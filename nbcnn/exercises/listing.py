"""The list of all exercises, as rows and as a page of the documentation."""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

from nbcnn.exercises.base import CHAPTERS, all_exercises
from nbcnn.exercises.grading import task


class Listed(NamedTuple):
    """One exercise: what it is about, what has to be guessed, and the seconds of its experiment."""

    number: int
    name: str
    title: str
    chapter: str
    guess: str
    seconds: int
    trains: bool


KINDS = {"number": "a number", "choice": "one of several", "several": "those that hold"}


def listed() -> list[Listed]:
    """All exercises in the order of their numbers."""
    rows = []
    for number, name in all_exercises().items():
        one = task(number)
        exercise = one.exercise
        kind = KINDS[one.answer.kind]
        rows.append(Listed(number, name, exercise.title, exercise.chapter, kind, exercise.seconds, exercise.trains))
    return rows


_HEAD = """\
# Exercises

<!-- made by: nbcnn exercise list --markdown -->

`nbcnn exercise N` asks a question, takes your guess, makes the experiment on the engine, and explains the difference.
N is a number or a name from the tables; `nbcnn exercise list` prints them.

```sh
nbcnn exercise 1
nbcnn exercise output_shape --name Ada
nbcnn exercise 10 --name Ada --guess 14 --json
```

**Numbers of your own.** The numbers of a question are drawn by your name (`--name`; capital letters and spaces don't
count) and your class's seed (`--seed`), and so is the order of options. No answer is stored anywhere: it is what the
experiment gives.

**Credit.** It is between 0 and 1. A number gets all of it where it is right or near enough, and less the further it is
off: how near is enough, and from where on it gets nothing, is printed with the credit of a wrong guess. An option gets
the share of its parts that are right. Statements get the share that was judged rightly less the share that was judged
wrongly, so tossing a coin earns nothing.

**A class.** `nbcnn exercise 10 --name Ada --seed 7 --ask` prints a question alone. Write the guesses down,

```
seed: 7
students:
  Ada: {1: 6, output_shape: 14, 2: [b, d]}
  Grace: {1: 5, 25: 1/2}
```

and `nbcnn exercise --answers class.yaml --out grades` prints a table and writes `grades.json` and `grades.csv`: a row
for each student and exercise, with the guess, the answer and the credit. A mistake in the file (an exercise that does
not exist, a guess of another kind) is told with its line before anything is computed.

**Trainings.** Exercises that train say how long that takes. `--quick` trains for a few seconds, to see what happens;
the outcome may then be another one. Experiments on two cores take about the seconds that are given; kernels that are
not compiled yet come on top, the first time.

In Python: `nbcnn.exercises.grade(10, 14, name="Ada")`, see [python.md](python.md#exercises).
"""


def page() -> str:
    """The page docs/exercises.md: all exercises by chapter, each with the question that nobody's name has drawn."""
    rows, parts = listed(), [_HEAD]
    for chapter in CHAPTERS:
        parts.append(
            f"\n## {chapter}\n\n| N | exercise | question, for example | you guess | seconds |\n|---|---|---|---|---|\n"
        )
        for row in rows:
            if row.chapter == chapter:
                question = " ".join(_one_line(task(row.number).question).split())
                trains = ", trains" * row.trains
                parts.append(
                    f"| {row.number} | `{row.name}` | **{row.title}.** {question} | {row.guess} | "
                    f"{row.seconds}{trains} |\n"
                )
    return "".join(parts)


def _one_line(text: str) -> str:
    """A question as a cell of a table: for the numbers of an image stand three dots."""
    lines = ["…" if line.startswith("    ") else line for line in text.splitlines()]
    return " ".join(line for line, _ in groupby(lines)).replace("|", "\\|")
