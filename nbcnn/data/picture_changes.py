"""A summary of the changes made to a data set's pictures: short sentences with counts."""

from __future__ import annotations

from collections import Counter

from nbcnn.data.picture import Made

_WARNING = "warning: "


class Done:
    """A counter of changes, in ``sentences`` as words: ``40: 16 bits to 8, darkest 100, lightest 216``."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._sizes: dict[str, set[tuple[int, int]]] = {}
        self._ranges: dict[str, tuple[float, float]] = {}

    def add(self, made: Made) -> None:
        """Count one picture's steps."""
        for step in made.steps:
            self._counts[step.kind] += 1
            if step.kind.startswith("resized"):
                self._sizes.setdefault(step.kind, set()).add(made.size)
            if step.kind.endswith(" to 8") and made.range:
                low, high = self._ranges.get(step.kind, made.range)
                self._ranges[step.kind] = min(low, made.range[0]), max(high, made.range[1])

    def sentences(self, white_level: int | None) -> tuple[str, ...]:
        """One for each kind of step, in the order in which they were met."""
        return tuple(f"{count:,}: {self._in_words(kind, white_level)}" for kind, count in self._counts.items())

    def warnings(self) -> list[str]:
        """Those that somebody should know of who never looks at the others."""
        return [
            f"{count:,} of the pictures have {kind.removeprefix(_WARNING)}"
            for kind, count in self._counts.items()
            if kind.startswith(_WARNING)
        ]

    def _in_words(self, kind: str, white_level: int | None) -> str:
        if sizes := sorted(self._sizes.get(kind, ())):
            first, last = (f"{wide}×{tall}" for tall, wide in (sizes[0], sizes[-1]))
            return f"{kind} from {first}" + (f" … {last} ({len(sizes)} sizes)" if len(sizes) > 1 else "")
        if kind in self._ranges:
            low, high = self._ranges[kind]
            white = f", {white_level} is white" if white_level else ""
            return f"{kind}, darkest {low:g}, lightest {high:g}{white}"
        return kind.removeprefix(_WARNING)
