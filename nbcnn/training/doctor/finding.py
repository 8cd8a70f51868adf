"""``Finding``: what a rule found in a training, with its number, its cause and one change that mends it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from shlex import quote
from typing import Any


@dataclass(frozen=True)
class Finding:
    """``statistic`` has the number, ``cause`` names what makes it, ``remedy`` is the change in words.

    ``sets`` is the change as the values of ``--set``; empty where the images or labels have to change, not the config.
    ``where`` is the layer with its line in the file, or empty. ``rule`` is the file in rules/ that found it.
    """

    statistic: str
    cause: str
    remedy: str
    sets: tuple[str, ...] = ()
    where: str = ""
    rule: str = ""

    @property
    def options(self) -> str:
        """``--set train.optimizer.adam.lr=0.001``, as a shell takes it."""
        return " ".join(f"--set {quote(text)}" for text in self.sets)

    @property
    def sentence(self) -> str:
        """All of it in one line, without the options."""
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.statistic}: {self.cause}; {self.remedy}"

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"sets": list(self.sets)}
