"""The values of a config before they are validated, each with its place in a file or option."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

KeyPath = tuple[str | int, ...]


class Place(NamedTuple):
    """The place of a value in a file or option; sorts in the order of messages (overrides after the file)."""

    rank: int
    line: int
    column: int
    source: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


class Written(NamedTuple):
    """Where a value is written: its path, and for one in a block what ends a message: ``used at x.yaml:12:5: ...``."""

    path: KeyPath
    used: str = ""


@dataclass
class Tree:
    """Plain values, and the places of those that a file or an override gave (none for a mapping from Python).

    ``written`` has the values that a use of a block stands for: where they are written.
    """

    root: Any
    keys: dict[KeyPath, Place] = field(default_factory=dict)
    values: dict[KeyPath, Place] = field(default_factory=dict)
    written: dict[KeyPath, Written] = field(default_factory=dict)

    def place(self, path: KeyPath, of_key: bool = False) -> Place | None:
        """The place of the value (or key) at ``path``, or of what is nearest above it."""
        if of_key and path in self.keys:
            return self.keys[path]
        for length in range(len(path), -1, -1):
            if path[:length] in self.values:
                return self.values[path[:length]]
        return None

    def where_written(self, path: KeyPath) -> Written:
        """The path at which the value at ``path`` is written: another one for what is inside of a block."""
        for length in range(len(path), 0, -1):
            if (found := self.written.get(path[:length])) is not None:
                return found._replace(path=(*found.path, *path[length:]))
        return Written(path)

    def forget(self, path: KeyPath) -> None:
        """Drop the places at and below ``path``."""
        for places in (self.keys, self.values):
            for other in [p for p in places if p[: len(path)] == path]:
                del places[other]
