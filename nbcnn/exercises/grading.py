"""``nbcnn.exercises.grade``: one guess, the experiment, and what it says of the guess."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from nbcnn.data.classes import alike
from nbcnn.errors import ExerciseError
from nbcnn.exercises.answer import Answer, Value
from nbcnn.exercises.base import Exercise, Outcome, find
from nbcnn.util.html import joined, paragraphs
from nbcnn.util.html_table import table
from nbcnn.util.rng import WORD, stream

LONGEST_NAME = 200


@dataclass(frozen=True)
class Task:
    """The question of one reader: an exercise with its setting, and the kind of answer with its options in order."""

    name: str
    exercise: Exercise[Any]
    setting: Any
    question: str
    answer: Answer

    @property
    def where(self) -> str:
        """The exercise as messages name it."""
        return f"exercise {self.exercise.number} ({self.name})"

    def outcome(self, quick: bool = False) -> Outcome:
        """What the experiment gives. A setting that was computed already in this process is not computed again."""
        return _outcome(self.name, self.setting, quick)

    def _repr_html_(self) -> str:
        """In a notebook: the question with its options; not the answer."""
        return joined(paragraphs(self.question), paragraphs("\n".join(self.answer.lines)))


@dataclass(frozen=True)
class Graded:
    """A guess beside what the experiment gave, both as the reader writes them; ``credit`` is from 0 to 1.

    ``sentence`` is about the reader's own guess, ``hints`` say what may have led to it; ``shown`` are the experiment's
    numbers, ``why`` explains them.
    """

    number: int
    exercise: str
    title: str
    question: str
    options: tuple[str, ...]
    guess: str
    answer: str
    credit: float
    sentence: str
    hints: tuple[str, ...]
    shown: tuple[str, ...]
    why: str

    def _repr_html_(self) -> str:
        """In a notebook: guess, answer and credit, below them what the experiment showed and why."""
        rows = [("your guess", self.guess), ("the experiment", self.answer), ("credit", f"{self.credit:.0%}")]
        words = f"exercise {self.number}: {self.title}"
        told = "\n".join((self.sentence, *self.hints, *self.shown, self.why))
        return joined(table(("", ""), rows, words), paragraphs(told))

    def as_json(self) -> dict[str, Any]:
        """All of it as a mapping of plain values."""
        return asdict(self)


def task(which: object, name: str = "", seed: int = 0) -> Task:
    """The question of the reader called ``name`` (none: that of everybody); ``seed`` is the class's.

    Raises ExerciseError for an exercise that does not exist, and for a seed outside of 0..2⁶⁴-1.
    """
    found, exercise = find(which)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < WORD:
        raise ExerciseError(f"the seed of exercises is a whole number from 0 to 2^64-1, got {seed!r}")
    if not isinstance(name, str) or len(name) > LONGEST_NAME:
        raise ExerciseError(f"a reader's name is a text of at most {LONGEST_NAME} characters")
    key = alike(name)
    word = int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little") if key else 0
    setting = exercise.draw(stream(seed, f"exercise {found}", index=word))
    answer = exercise.answer(setting).shuffled(stream(seed, f"options of {found}", index=word))
    return Task(found, exercise, setting, exercise.question(setting), answer)


def grade(which: object, guess: object, *, name: str = "", seed: int = 0, quick: bool = False) -> Graded:
    """Grade a guess for an exercise: its number or name; the question is that of ``task(which, name, seed)``.

    ``guess`` is a number, or letters as text or a list. ``quick`` shortens trainings. Raises ExerciseError for an
    exercise that does not exist and for a guess of another kind, before anything is computed.
    """
    one = task(which, name, seed)
    return graded(one, one.answer.parse(guess, one.where), quick)


def graded(one: Task, guess: Value, quick: bool = False) -> Graded:
    """A guess that has been read already, graded."""
    outcome = one.outcome(quick)
    credit, sentence = one.answer.score(guess, outcome.truth)
    return Graded(
        one.exercise.number,
        one.name,
        one.exercise.title,
        one.question,
        tuple(one.answer.lines),
        one.answer.text(guess),
        one.answer.text(outcome.truth),
        credit,
        sentence,
        _hints(one.answer, guess, outcome),
        one.answer.lettered(outcome.shown),
        outcome.why,
    )


def _hints(answer: Answer, guess: Value, outcome: Outcome) -> tuple[str, ...]:
    """The sentences about what led to a wrong guess."""
    truth = outcome.truth
    if guess == truth:
        return ()
    if isinstance(guess, frozenset) and isinstance(truth, frozenset):
        wrong = {answer.text(frozenset({index})): index for index in guess ^ truth if index in outcome.mistakes}
        return tuple(f"{letter}) {outcome.mistakes[wrong[letter]]}" for letter in sorted(wrong))
    assert not isinstance(guess, frozenset)
    assert not isinstance(truth, frozenset)
    for value, sentence in outcome.mistakes.items():
        if abs(guess - value) <= 0.005 * abs(value) and abs(truth - value) > 0.005 * abs(value):
            return (sentence,)
    return ()


@lru_cache(maxsize=4096)
def _outcome(name: str, setting: Any, quick: bool) -> Outcome:
    return find(name)[1].run(setting, quick)
