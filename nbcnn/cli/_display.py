"""The base of progress displays: a console, a bar on terminals only, the compile phase."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Self

import click
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape

from nbcnn.cli._compiling import choosing, compiling, compiling_now, kept
from nbcnn.cli._options import PLUGINS
from nbcnn.cli._output import say
from nbcnn.cli._progress_bar import Bar
from nbcnn.cli._tables import wrapped
from nbcnn.errors import printable
from nbcnn.kernels.registry import backend_names
from nbcnn.util.formatting import counted

if TYPE_CHECKING:
    from rich.progress import TaskID

    from nbcnn.autotune.choice import Choice
    from nbcnn.config import TrainConfig
    from nbcnn.data import Dataset
    from nbcnn.engine.network import Network


class ProgressConsole(Console):
    """rich's console; once its output can't be written (the reader has gone, the disk is full) it says so and is still.

    ``work`` is what goes on then, for the sentence.
    """

    def __init__(self, stderr: bool = False, work: str = "the work") -> None:
        super().__init__(highlight=False, stderr=stderr)
        self._work = work

    def on_broken_pipe(self) -> None:
        """Called by rich, which would leave the program."""
        self.lost("its reader has gone")

    def lost(self, why: str) -> None:
        """Print nothing from now on."""
        if not self.quiet:
            self.quiet = True
            say(
                f"warning: the output can't be written any more ({why}); {self._work} goes on, Ctrl-C stops it",
                err=True,
            )


class Display:
    """A progress display by rich; without a terminal it prints lines only. ``stderr``: on standard error."""

    def __init__(self, stderr: bool = False) -> None:
        self._console = ProgressConsole(stderr, "training")
        self._bar = Bar(self._console)
        self._task: TaskID | None = None
        self._compiling: TaskID | None = None
        self._started = 0
        self._told = self._choosing = self._in_choice = False

    def __enter__(self) -> Self:
        try:
            self._bar.start()
        except RuntimeError:  # no thread can be started to move it
            self.close()
            self._bar.disable = True
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the bar away."""
        with suppress(OSError):  # the terminal is gone
            self._bar.stop()

    def choosing(self, problem: str) -> None:
        """Called before backends are timed for a problem."""
        if not self._choosing:
            self._print(choosing())
        self._choosing = self._in_choice = True

    def chosen(self, choice: Choice) -> None:
        """Called with every choice; one from the cache is shown with the network."""
        self._in_choice = False
        if self._compiling is not None:
            self._bar.remove_task(self._compiling)
            self._compiling = None
        if not choice.remembered:
            self._print(wrapped(f"  {choice}"))

    def compiling(self, kernel: str, left: int) -> None:
        """Called before each kernel that has to be compiled, and with 0 when none is left."""
        if not left:
            return
        if not (self._console.is_terminal or self._told or self._in_choice):  # the line of a choice has said so
            self._print(compiling(left))
            self._told = True
        line = compiling_now(kernel, self._started, left)
        if self._compiling is None:
            self._compiling = self._bar.add_task(line, total=None, numbers="")
        self._bar.show(self._compiling, line)
        self._bar.update(self._compiling, completed=self._started, total=self._started + left)
        self._started += 1

    def compiled(self, kernels: int, seconds: float) -> None:
        """Called once after compiling."""
        if self._compiling is not None:
            self._bar.remove_task(self._compiling)
        self._print(
            f"compiled {counted(kernels, 'kernel')} in {seconds:.1f} s ({kept('first run only, later runs load them')})"
        )

    def _data(self, data: Dataset) -> None:
        self._print(f"{data.name}: {data.in_words}")
        for note in data.notes:
            self._print(wrapped(f"  {note}"))

    def drawing(self) -> None:
        """Called before the pictures are drawn."""
        if self._task is None:
            self._task = self._bar.add_task("", total=None, numbers="")
        self._bar.show(self._task, "drawing pictures ...", left=False)

    def _augmented(self, settings: TrainConfig) -> None:
        if settings.augment:
            self._print(wrapped(f"training images augmented: {settings.augment}"))

    def _tell(self, *parts: str) -> None:
        """Print parts of a line, on a narrow terminal on as many lines as they need."""
        width = self._console.width if self._console.is_terminal else 1 << 30
        self._print("\n".join(folded(parts, width)))

    def _print(self, text: str) -> None:
        try:
            self._console.print(escape(printable(text, lines=True)), soft_wrap=True)
        except OSError as error:
            self._console.lost(error.strerror or str(error))


def program() -> str:
    """How this person calls nbcnn: by name where the shell finds this very program, else as it was typed."""
    typed = Path(sys.argv[0])
    if typed.name == "__main__.py":
        return "python -m nbcnn"
    found = shutil.which(typed.name)
    same = found is not None and Path(found).resolve() == typed.resolve()
    return str(typed) if typed.stem == "nbcnn" and not same else "nbcnn"


def with_plugins(command: str) -> str:
    """A command that is suggested: called as this program is, and with the plugins that were loaded for this one."""
    context = click.get_current_context(silent=True)
    typed = context.meta.get(PLUGINS, ()) if context else ()
    return " ".join([program(), command, *(f"--plugin {quote(plugin)}" for plugin in typed)])


def folded(parts: Sequence[str], width: int) -> list[str]:
    """Lines of at most ``width`` columns: parts two spaces apart, those that don't fit below, words broken off last."""
    lines: list[str] = []
    for part in parts:
        if lines and cell_len(lines[-1]) + 2 + cell_len(part) <= width:
            lines[-1] += f"  {part}"
        else:
            indent = "    " if lines else ""
            lines += textwrap.wrap(
                part,
                max(width, 10),
                initial_indent=indent,
                subsequent_indent="    ",
                break_long_words=False,
                break_on_hyphens=False,
            )
    return lines


def loss_text(loss: float) -> str:
    """Four places, or powers of ten for a loss that is running away."""
    return f"{loss:.4f}" if loss < 1000 else f"{loss:.2e}"


def backends_in_words(network: Network) -> list[str]:
    """``conv2d=direct,im2col (auto)``: the backends of conv2d and of other ops that had a choice."""
    names: dict[str, set[str]] = {}
    for layer in network.layers():
        if layer.op == "conv2d" or (layer.op and layer.path in network.chosen and len(backend_names(layer.op)) > 1):
            names.setdefault(layer.op, set()).add(layer.backend or "")
    auto = {layer.op for layer in network.layers() if layer.path in network.chosen}
    return [f"{op}={','.join(sorted(used))}{' (auto)' if op in auto else ''}" for op, used in names.items()]
