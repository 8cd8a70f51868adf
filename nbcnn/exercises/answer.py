"""Base class of the kinds of answers, and numbers: how a guess is read and scored."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nbcnn.errors import ExerciseError

LONGEST = 200
"""Characters of a guess."""

Value = float | int | frozenset[int]
"""A number, the index of an option, or the indices of the statements that hold."""


class Score(NamedTuple):
    """``credit`` from 0 to 1, and a sentence about the reader's own guess."""

    credit: float
    sentence: str


class Answer(ABC):
    """A kind of answer. Guesses are text, or what YAML makes of it."""

    @property
    @abstractmethod
    def words(self) -> str:
        """The guess that is asked for: ``a whole number from 0 to 9``."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """``number``, ``choice`` or ``several``."""

    @property
    def lines(self) -> list[str]:
        """The options, one a line."""
        return []

    def parse(self, guess: object, where: str) -> Value:
        """The guess as a value; raises ExerciseError, beginning with ``where``, for one of another kind."""
        if isinstance(guess, str) and len(guess) > LONGEST:
            raise ExerciseError(f"{where}: expected {self.words}, got a text of {len(guess):,} characters")
        return self._parse(guess, where)

    @abstractmethod
    def _parse(self, guess: object, where: str) -> Value: ...

    @abstractmethod
    def text(self, value: Value) -> str:
        """A value as the reader would write it."""

    @abstractmethod
    def score(self, guess: Value, truth: Value) -> Score:
        """How near a guess is to what the experiment gave."""

    @property
    @abstractmethod
    def scale(self) -> str:
        """What a guess that is not right gets, as a sentence."""

    def lettered(self, shown: tuple[str, ...]) -> tuple[str, ...]:
        """The experiment's lines, with the letters of the options that they are about, and in the options' order."""
        return shown

    def shuffled(self, rng: np.random.Generator) -> Answer:
        """The same with its options in another order, so that a letter says nothing to others."""
        return self


@dataclass(frozen=True)
class Number(Answer):
    """A number from ``low`` to ``high``.

    All of the credit goes to guesses that are off by ``close`` at most, none to those off by ``far``, and shares of it
    between. ``ratio`` counts both as factors: with close 1.05 and far 2, 105 of 100 is right, and 200 of 100 is not.
    """

    low: float
    high: float
    unit: str = ""
    whole: bool = False
    close: float = 1.0
    far: float = 2.0
    ratio: bool = True

    @property
    def kind(self) -> str:
        return "number"

    @property
    def words(self) -> str:
        unit = f" ({self.unit})" if self.unit else ""
        return f"a {'whole ' * self.whole}number from {number(self.low)} to {number(self.high)}{unit}"

    @property
    def scale(self) -> str:
        if self.ratio:
            right = f"off by a factor of {self.close:g} or less" if self.close > 1 else "right"
            return f"Credit is 1 where a number is {right}, 0 where it is off by a factor of {self.far:g} or more."
        unit = f" {self.unit}" if self.unit else ""
        right = f"off by {number(self.close)}{unit} or less" if self.close else "right"
        return f"Credit is 1 where a number is {right}, 0 where it is off by {number(self.far)}{unit} or more."

    def _parse(self, guess: object, where: str) -> Value:
        value = _number(guess, self.unit)
        if value is None:
            got = "nothing" if guess is None or guess == "" else repr(guess)
            point = "; write a decimal point" if re.fullmatch(r"\s*[+-]?\d+,\d+\s*", str(guess)) else ""
            raise ExerciseError(f"{where}: expected {self.words}, got {got}{point}")
        if not self.low <= value <= self.high:
            nearest = self.low if not value > self.low else self.high
            raise ExerciseError(
                f"{where}: expected {self.words}, got {number(value)}; the nearest is {number(nearest)}"
            )
        if self.whole and value != round(value):
            raise ExerciseError(f"{where}: expected {self.words}, got {value:g}; the nearest is {round(value)}")
        return round(value) if self.whole else value

    def text(self, value: Value) -> str:
        assert not isinstance(value, frozenset)
        return number(value)

    def score(self, guess: Value, truth: Value) -> Score:
        assert not isinstance(guess, frozenset)
        assert not isinstance(truth, frozenset)
        credit, said, is_ = self._credit(guess, truth), self.text(guess), self.text(truth)
        unit = f" {self.unit}" if self.unit else ""
        if said == is_:
            return Score(1.0, f"{said}{unit} is right")
        if credit == 1:
            return Score(1.0, f"{said}{unit} is near enough: it is {is_}")
        off = f"{number(abs(guess - truth))} too {'high' if guess > truth else 'low'}"
        if truth and abs(guess - truth) >= 0.005 * abs(truth):
            off += f", {abs(guess - truth) / abs(truth):.0%} of it"
        return Score(credit, f"you said {said}, it is {is_}{unit}: {off}")

    def _credit(self, guess: float, truth: float) -> float:
        if self.text(guess) == self.text(truth):
            return 1.0
        if self.ratio:
            if guess <= 0 or truth <= 0:
                return 0.0
            off, close, far = abs(math.log(guess / truth)), math.log(self.close), math.log(self.far)
        else:
            off, close, far = abs(guess - truth), self.close, self.far
        return round(min(max((far - off) / (far - close), 0.0), 1.0), 3)


def number(value: float) -> str:
    """A number in four digits, whole ones in full: ``1,234``, ``0.3333``."""
    if value == round(value) and abs(value) < 1e15:
        return f"{round(value):,}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"


def _number(guess: object, unit: str) -> float | None:
    """A finite number out of a number or a text such as ``3``, ``12 %`` or ``1/3``; None for anything else."""
    if isinstance(guess, (bool, np.bool_)):
        return None
    if isinstance(guess, (int, float, np.integer, np.floating)):
        given = float(guess)
        return given if abs(given) < 1e15 else None  # nor NaN
    if not isinstance(guess, str):
        return None
    text = guess.strip().removesuffix(unit or "%").removesuffix("%").strip()
    if not re.fullmatch(r"[+-]?(\d{1,12}(,\d{3})*\.?\d{0,20}|\.\d{1,20})([eE][+-]?\d{1,2})?(/\d{1,9})?", text):
        return None
    above, _, below = text.replace(",", "").partition("/")
    if below and not int(below):
        return None
    value = float(above) / int(below or 1)
    return value if abs(value) < 1e15 else None
