"""Every error that nbcnn raises on purpose: one sentence that says where, what and what to do about it.

The command line prints the sentence and leaves with exit code 2; in Python they are ordinary exceptions.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


class NbcnnError(Exception):
    """Base class: catching it catches everything that nbcnn raises on purpose."""


class ConfigError(NbcnnError):
    """A YAML file, an override or a mapping that does not describe a network; holds all problems at once."""

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
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


class TrainingError(NbcnnError):
    """Training that cannot go on, for instance because the loss is no longer a number."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name is meant by a wrong one: ``did you mean relu?`` and the list, or the list alone."""
    names = sorted(known)
    listed = "known: " + ", ".join(names) if names else "none is known"
    match = closest(name, names)
    return f"did you mean {match}? ({listed})" if match else listed


def closest(name: str, known: Iterable[str], cutoff: float = 0.5) -> str | None:
    """The known name that is most like a wrong one, if any is; case and ``_`` do not count: MaxPool2d, max_pool2d."""
    plain = {_plain(one): one for one in sorted(known, reverse=True)}
    match = get_close_matches(_plain(name), plain, n=1, cutoff=cutoff)
    return plain[match[0]] if match else None


def shown(file: str | Path) -> str:
    """A file as messages write it: from the current folder where it is below that, else in full."""
    try:
        inside = Path(file).is_relative_to(Path.cwd())
    except OSError:  # the current folder is gone
        inside = False
    return os.path.relpath(file) if inside else str(file)


def _plain(name: str) -> str:
    return name.lower().replace("_", "")
