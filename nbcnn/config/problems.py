"""Mistakes in a config: sentences with their places, raised all at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from nbcnn.config.tree import KeyPath, Place, Tree
from nbcnn.config.yaml_tree import key_path
from nbcnn.errors import ConfigError

MAX_PROBLEMS = 100
"""More than anyone reads; for a file with more, the message counts those left out."""

_FIRST = Place(0, 0, 0, "")


class Problem(NamedTuple):
    """One error sentence with its ``place`` in the file, which is None for a mapping from Python.

    ``used`` says where the block is used that the place is in; it ends the message.
    """

    place: Place | None
    path: KeyPath
    sentence: str
    used: str = ""

    def __str__(self) -> str:
        words = "; ".join(part for part in (self.sentence, self.used) if part)
        return ": ".join(str(part) for part in (self.place, key_path(self.path), words) if part)

    def where_written(self, tree: Tree) -> Problem:
        """The same with the path at which the value is written, where that is in a block."""
        return self._replace(**tree.where_written(self.path)._asdict())


def raise_all(problems: Iterable[Problem]) -> None:
    """Raise ConfigError with every problem, in the order of the file; nothing happens when there is none.

    A problem in a block is told once, however often the block is used.
    """
    uses: dict[Problem, dict[str, None]] = {}
    for problem in sorted(problems, key=rank):
        uses.setdefault(problem._replace(used=""), {})[problem.used] = None
    told = []
    for problem, used in uses.items():
        first, others = next(iter(used)), len(used) - 1
        more = f" (and in {others} more place{'s' * (others > 1)})" if others else ""
        told.append(f"{problem._replace(used=first)}{more}")
    if len(told) > MAX_PROBLEMS:
        told[MAX_PROBLEMS:] = [f"... and {len(told) - MAX_PROBLEMS} more problems"]
    if told:
        raise ConfigError(told)


def rank(problem: Problem) -> Place:
    """What problems are sorted by: their place; those without one come first, as they were found."""
    return problem.place or _FIRST
