"""A progress bar that is cut to the width of the terminal, so that it stays on one line."""

from __future__ import annotations

from collections.abc import Sequence

from rich import progress
from rich.cells import cell_len
from rich.console import Console
from rich.table import Column
from rich.text import Text

LONGEST, SHORTEST = 24, 6
"""Columns of the bar itself; where there is not even room for the least, it is left out."""

_LEFT = len(" 0:00:00 left")


class Bar(progress.Progress):
    """rich's progress display on one line: description, bar, numbers, remaining time."""

    def __init__(self, console: Console) -> None:
        self._parts = progress.BarColumn(bar_width=LONGEST)
        super().__init__(console=console, transient=True, disable=not console.is_terminal)
        self._arrange("", "", True)

    def show(self, task: progress.TaskID, description: str, numbers: Sequence[str] = (), left: bool = True) -> None:
        """Change the line's words; of the ``numbers`` the last ones give way where the terminal is narrow."""
        left = left and cell_len(description) + _LEFT <= self.console.width
        room = self.console.width - cell_len(description) - (_LEFT if left else 0)
        told = ""
        for count in range(len(numbers), 0, -1):
            told = ", ".join(numbers[:count])
            if len(told) + 1 + (SHORTEST + 1 if count > 1 else 0) <= room:
                break
            told = ""
        space = room - (len(told) + 1 if told else 0) - 1
        self._parts.bar_width = min(LONGEST, space)
        self._arrange(description, told, left, bar=left and space >= SHORTEST)
        self.update(task, description=description, numbers=told)

    def _arrange(self, description: str, numbers: str, left: bool, bar: bool = True) -> None:
        """Only columns that show something: an empty one takes up a space."""
        columns: list[progress.ProgressColumn] = [progress.TextColumn("{task.description}")]
        columns += [self._parts] if bar else []
        columns += [progress.TextColumn("{task.fields[numbers]}")] if numbers else []
        self.columns = (*columns, *([_Left()] if left else []))


class _Left(progress.ProgressColumn):
    """The column of the remaining time, empty until there is something to estimate it from."""

    def __init__(self) -> None:
        super().__init__(table_column=Column(no_wrap=True))

    def render(self, task: progress.Task) -> Text:
        """``1:05 left``"""
        seconds = task.time_remaining
        if seconds is None or task.finished:
            return Text("")
        minutes = int(seconds) // 60
        hours = f"{minutes // 60}:{minutes % 60:02d}" if minutes >= 60 else f"{minutes}"
        return Text(f"{hours}:{int(seconds) % 60:02d} left")
