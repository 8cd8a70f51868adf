"""nbcnn's exceptions: each message is one sentence with the place, the problem and the remedy.

The command line prints the sentence and leaves with exit code 2; in Python they are ordinary exceptions.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from os import PathLike
from pathlib import Path

# What a terminal obeys or hides instead of showing it: control characters (C0, C1), line and paragraph separators,
# marks that turn the direction of writing round, invisible characters, halves of surrogate pairs, tags. The joiners
# U+200C and U+200D stay: names in Persian or Hindi are written with them.
_UNFIT = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def printable(text: str, lines: bool = False) -> str:
    r"""Text fit for a terminal: what one would obey, ESC for instance, becomes ``\u001b``, as JSON and YAML write it.

    Line feeds stay where ``lines`` says that the text may have several.
    """
    return _UNFIT.sub(lambda found: _escaped(found[0], lines), text)


def is_printable(text: str) -> bool:
    """Whether ``printable`` leaves a text as it is."""
    return not _UNFIT.search(text)


def _escaped(character: str, lines: bool) -> str:
    if lines and character == "\n":
        return character
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"


class NbcnnError(Exception):
    """Base class: catching it catches everything that nbcnn raises on purpose.

    Its sentence can be printed anywhere: names out of files stand in it as ``printable`` shows them.
    """

    def __init__(self, *parts: object) -> None:
        super().__init__(*(printable(part, lines=True) if isinstance(part, str) else part for part in parts))


class ConfigError(NbcnnError):
    """A YAML file, an override or a mapping that does not describe a network; holds all problems at once."""

    def __init__(self, problems: str | Iterable[str]) -> None:
        listed = (problems,) if isinstance(problems, str) else problems
        self.problems: tuple[str, ...] = tuple(printable(problem, lines=True) for problem in listed)
        super().__init__("\n".join(self.problems))


class ShapeError(NbcnnError):
    """Shapes that do not fit; the message holds the arithmetic."""


class KernelError(NbcnnError):
    """A backend that is unknown, refuses a problem or breaks the contract."""


class PluginError(NbcnnError):
    """A plugin that is not there, fails to import or does not keep to the contract."""


class DataError(NbcnnError):
    """Images or labels that are missing, broken or not what the network can take."""


class CheckpointError(NbcnnError):
    """A checkpoint or run folder that is missing, broken or of another network."""


class PeerError(NbcnnError):
    """Another library to compare with that is unknown, not installed or does not compute the same numbers."""


class ExerciseError(NbcnnError):
    """An exercise that does not exist, or a guess that its question does not ask for."""


class TrainingError(NbcnnError):
    """Training that cannot go on, for instance because the loss is no longer a number."""


_NAME = re.compile(r"[^\W\d_][\w-]{0,99}|_[\w-]{1,99}")
_NOT_TEXT = ("true", "false", "yes", "no", "on", "off", "null", "none")


def unfit_name(name: object) -> str | None:
    """Why something can't be the name of a backend, layer, optimizer, schedule or data set; or None. YAML says it."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return "letters, digits, _ and -, and no digit first"
    return f"YAML takes {name} for something else than a name" if name.lower() in _NOT_TEXT else None


def shown(file: str | PathLike[str]) -> str:
    """A file as messages write it: from the current folder where it is below that, else in full; printable."""
    try:
        inside = Path(file).is_relative_to(Path.cwd())
    except OSError:  # the current folder is gone
        inside = False
    return printable(os.path.relpath(file) if inside else str(file))
