"""Printed output of ``nbcnn kernels check`` for an exercise: finished kernels, errors of the next one."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nbcnn.cli._output import say
from nbcnn.cli._tables import WIDEST

if TYPE_CHECKING:
    from nbcnn.conformance.exercise import Lesson

ORDER = ("forward", "grad_input", "grad_weight")
_THEN = {
    "forward": "then comes grad_input",
    "grad_input": "then comes grad_weight",
    "grad_weight": "then comes the whole check",
}


def led(op: str, name: str, patience: float | None, as_json: bool) -> dict[str, Any] | None:
    """Say how far an exercise is; None where it is solved (or is none), else what JSON has of it."""
    from nbcnn.conformance.exercise import is_exercise, lesson

    if not is_exercise(op, name):
        return None
    found = lesson(op, name, patience)
    if not as_json:
        _show(op, name, found)
    return None if found.solved else {"op": op, "name": name, **asdict(found)}


def _show(op: str, name: str, found: Lesson) -> None:
    say(f"{op}={name}: an exercise in three kernels")
    for kernel in ORDER:
        if kernel in found.right:
            say(f"  {kernel}: right")
    if found.solved:
        say("  all three are right on the small cases; now the whole check\n")
        return
    _say(f"  {found.kernel}: not yet right: {found.sentence}", "    ")
    for line in found.lines:
        _say(f"    {line}", "      ")
    say(f"next: write {found.kernel}, and check again; {_THEN[found.kernel]}")


def _say(line: str, indent: str) -> None:
    say(textwrap.fill(line, WIDEST, subsequent_indent=indent, break_on_hyphens=False))
