"""Answers with letters: one option of several, or the statements that hold."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nbcnn.errors import ExerciseError
from nbcnn.exercises.answer import Answer, Score, Value
from nbcnn.util.suggestions import closest

LETTERS = "abcdefgh"


@dataclass(frozen=True)
class Choice(Answer):
    """One of several options, each a tuple of parts; the credit is the share of parts that the right one has too."""

    options: tuple[tuple[str, ...], ...]
    order: tuple[int, ...] = ()
    """The options in the order of their letters; () as they are."""

    @property
    def kind(self) -> str:
        return "choice"

    @property
    def words(self) -> str:
        return f"one of the letters {', '.join(LETTERS[: len(self.options)])}"

    @property
    def lines(self) -> list[str]:
        return [f"{letter}) {', '.join(self.options[k])}" for letter, k in zip(LETTERS, self._order, strict=False)]

    @property
    def _order(self) -> tuple[int, ...]:
        return self.order or tuple(range(len(self.options)))

    @property
    def scale(self) -> str:
        if len(self.options[0]) == 1:
            return "Credit is 1 for the right option, 0 for the others."
        return "Credit is the share of an option's parts that are right."

    def lettered(self, shown: tuple[str, ...]) -> tuple[str, ...]:
        return _lettered(shown, self.lines)

    def shuffled(self, rng: np.random.Generator) -> Answer:
        return replace(self, order=tuple(int(k) for k in rng.permutation(len(self.options))))

    def _parse(self, guess: object, where: str) -> Value:
        (index,) = _letters([guess], self.words, [self.options[k] for k in self._order], where)
        return self._order[index]

    def text(self, value: Value) -> str:
        assert isinstance(value, int)
        return LETTERS[self._order.index(value)]

    def score(self, guess: Value, truth: Value) -> Score:
        assert isinstance(guess, int)
        assert isinstance(truth, int)
        letter, parts, true = self.text(guess), self.options[guess], self.options[truth]
        if guess == truth:
            return Score(1.0, f"{letter} is right: {', '.join(true)}")
        right = [part for part, other in zip(parts, true, strict=True) if part == other]
        wrong = [part for part, other in zip(parts, true, strict=True) if part != other]
        sentence = f"you said {letter} ({', '.join(parts)}), it is {self.text(truth)} ({', '.join(true)})"
        if right:
            sentence += f': "{", ".join(right)}" is right, "{", ".join(wrong)}" is not'
        return Score(round(len(right) / len(true), 3), sentence)


@dataclass(frozen=True)
class Several(Answer):
    """The statements that hold, any number of them.

    The credit is the share of statements judged rightly less that judged wrongly, at least 0: tossing a coin earns
    nothing.
    """

    statements: tuple[str, ...]
    order: tuple[int, ...] = ()

    @property
    def kind(self) -> str:
        return "several"

    @property
    def words(self) -> str:
        return f"letters of {', '.join(LETTERS[: len(self.statements)])} with commas between them, or none"

    @property
    def lines(self) -> list[str]:
        return [f"{letter}) {self.statements[k]}" for letter, k in zip(LETTERS, self._order, strict=False)]

    @property
    def _order(self) -> tuple[int, ...]:
        return self.order or tuple(range(len(self.statements)))

    @property
    def scale(self) -> str:
        return "Credit is the share of letters judged rightly less the share judged wrongly, and at least 0."

    def lettered(self, shown: tuple[str, ...]) -> tuple[str, ...]:
        return _lettered(shown, self.lines)

    def shuffled(self, rng: np.random.Generator) -> Answer:
        return replace(self, order=tuple(int(k) for k in rng.permutation(len(self.statements))))

    def _parse(self, guess: object, where: str) -> Value:
        if isinstance(guess, str):
            guess = [part for part in re.split(r"[\s,;]+", guess.strip()) if part] or [""]
        given = list(guess) if isinstance(guess, (list, tuple, set, frozenset)) else [guess]
        if not given or given == ["none"]:
            return frozenset()
        found = _letters(given, self.words, [(self.statements[k],) for k in self._order], where)
        return frozenset(self._order[index] for index in found)

    def text(self, value: Value) -> str:
        assert isinstance(value, frozenset)
        return ", ".join(sorted(LETTERS[self._order.index(index)] for index in value)) or "none"

    def score(self, guess: Value, truth: Value) -> Score:
        assert isinstance(guess, frozenset)
        assert isinstance(truth, frozenset)
        if guess == truth:
            return Score(1.0, f"{self.text(guess)} is right")
        wrong, count = guess ^ truth, len(self.statements)
        credit = round(max(count - 2 * len(wrong), 0) / count, 3)
        missed, added = truth - guess, guess - truth
        parts = [f"{self.text(missed)} hold{'s' * (len(missed) == 1)}"] if missed else []
        parts += [f"{self.text(added)} do{'es' * (len(added) == 1)} not"] if added else []
        judged = f"{count - len(wrong)} of {count} judged rightly"
        return Score(credit, f"you said {self.text(guess)}, it is {self.text(truth)}: {' and '.join(parts)}; {judged}")


def _lettered(shown: tuple[str, ...], options: list[str]) -> tuple[str, ...]:
    """Lines ``option: result`` as ``a) option: result``, in the order of the letters; others as they are."""
    texts = [option.partition(") ")[2] for option in options]
    found = {text: line for text in texts for line in shown if line.startswith(f"{text}: ")}
    if len(found) < len(texts):
        return shown
    others = (line for line in shown if line not in found.values())
    return (*(option + found[text][len(text) :] for option, text in zip(options, texts, strict=True)), *others)


def _letters(given: list[Any], words: str, options: list[tuple[str, ...]], where: str) -> list[int]:
    """The indices of letters, upper or lower case; raises ExerciseError with the nearest for anything else."""
    known, found = LETTERS[: len(options)], []
    for one in given:
        text = one.strip().rstrip(").").lower() if isinstance(one, str) else one
        if isinstance(text, str) and len(text) == 1 and text in known:
            found.append(known.index(text))
            continue
        got = "nothing" if one is None or one == "" else repr(one)
        texts = {", ".join(parts): letter for letter, parts in zip(known, options, strict=True)}
        meant = None
        if isinstance(one, str) and (match := closest(one, texts)):
            meant = texts[match]
        elif isinstance(text, str) and len(text) == 1 and text.isalpha():
            meant = known[-1]
        elif str(one).isdecimal() and len(str(one)) < 3:
            meant = known[min(max(int(one), 1), len(known)) - 1]
        near = f"; the nearest is {meant}" if meant else ""
        raise ExerciseError(f"{where}: expected {words}, got {got}{near}")
    return found
