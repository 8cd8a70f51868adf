"""Base class of exercises: a question with numbers drawn by a seed, an experiment that answers it, an explanation."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from nbcnn.errors import ExerciseError
from nbcnn.exercises.answer import Answer, Value
from nbcnn.util.registry import Registry
from nbcnn.util.suggestions import closest

S = TypeVar("S")

CHAPTERS = ("Kernels", "Padding and stride", "Channels", "Pooling", "LeNet", "Modern networks")
"""In the book's order."""


@dataclass(frozen=True)
class Outcome:
    """What an experiment gave: ``truth`` in the terms of the question's kind of answer; ``shown``, lines of numbers.

    ``why`` explains it. ``mistakes`` say what leads to a wrong guess: by the number, the option, or the statement that
    was judged wrongly.
    """

    truth: Value
    shown: tuple[str, ...]
    why: str
    mistakes: Mapping[float, str] = field(default_factory=dict)


class Exercise(ABC, Generic[S]):
    """One exercise. ``S`` is its setting: the numbers of one reader's question, a tuple that can be hashed.

    ``seconds`` is how long the experiment takes on two cores; ``trains`` says that networks are trained in it.
    """

    number: ClassVar[int]
    title: ClassVar[str]
    chapter: ClassVar[str]
    seconds: ClassVar[int] = 1
    trains: ClassVar[bool] = False

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> S:
        """A setting, drawn by a seed."""

    @abstractmethod
    def question(self, setting: S) -> str:
        """The question, in a few sentences."""

    @abstractmethod
    def answer(self, setting: S) -> Answer:
        """The kind of answer that it asks for."""

    @abstractmethod
    def run(self, setting: S, quick: bool) -> Outcome:
        """Make the experiment. ``quick`` shortens trainings to seconds; what they show is then no more than a try."""


EXERCISES: Registry[type[Exercise[Any]]] = Registry(
    "exercise", "nbcnn.exercises.book", ExerciseError, (Exercise, {"number": int, "title": str, "chapter": str})
)
"""Each file in ``nbcnn/exercises/book`` is one, under the file's name."""


def all_exercises() -> dict[int, str]:
    """The names of all exercises by their numbers, in order; raises ExerciseError where two have the same number."""
    found: dict[int, str] = {}
    for name in EXERCISES:
        number = EXERCISES.get(name).number
        if number in found:
            raise ExerciseError(f"exercises {found[number]} and {name} both have the number {number}; change one")
        found[number] = name
    return dict(sorted(found.items()))


def find(which: object) -> tuple[str, Exercise[Any]]:
    """An exercise and its name, by its number or name; raises ExerciseError with the nearest for any other."""
    known, text = all_exercises(), str(which).strip()
    if re.fullmatch(r"[+-]?\d{1,9}", text):
        number = int(text)
        if number in known:
            return known[number], EXERCISES.get(known[number])()
        near = min(known, key=lambda one: abs(one - number))
        raise ExerciseError(
            f"there is no exercise {number}: they are numbered from {min(known)} to {max(known)}; the nearest is "
            f"{near} ({known[near]}), and nbcnn exercise list shows all"
        )
    if text in EXERCISES:
        return text, EXERCISES.get(text)()
    shown = text if len(text) <= 40 else f"{text[:37]}..."
    near_name = closest(shown.replace("-", "_").replace(" ", "_"), known.values())
    meant = f"did you mean {near_name}? " if near_name else ""
    raise ExerciseError(
        f"there is no exercise {shown!r}; {meant}give a number from {min(known)} to {max(known)} or a name: nbcnn "
        "exercise list shows all"
    )
