"""The rich console of progress displays. A lost output ends the display, not the work."""

from __future__ import annotations

from rich.console import Console

from nbcnn.cli._output import say


class ProgressConsole(Console):
    """A rich console that reports a lost output (closed pipe, full disk) once, then prints no more.

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
