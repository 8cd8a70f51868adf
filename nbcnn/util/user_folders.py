"""Folder paths from users: ``~``, environment variables that hold a folder, the user's cache folder."""

from __future__ import annotations

import os
import re
from pathlib import Path


def expanded(path: str | os.PathLike[str]) -> Path:
    """The path with the home folder for a leading ``~``; as it is where there is no such home.

    Shells do this, but not behind an equals sign (``--out=~/x``), and nothing does it in Python.
    """
    return Path(os.path.expanduser(path))


def variable_folder(name: str) -> Path | None:
    """The folder, absolute, that an environment variable holds; None where it is not set or empty.

    ``~`` and other variables are expanded: a service or a container takes what stands behind ``=`` to the letter, and
    a folder called ``~`` or ``$HOME`` would be made. Raises ValueError with a sentence where that can't be done.
    """
    text = os.environ.get(name, "").strip()
    if not text:
        return None
    path = os.path.expanduser(os.path.expandvars(text))
    if unknown := re.search(r"^~[^/\\]*|\$(\w+|\{\w+\})", path):
        raise ValueError(f"{name} is {text}, and {unknown[0]} stands for nothing here")
    return Path(os.path.abspath(path))


def user_cache() -> Path:
    """The user's cache folder for nbcnn; raises ValueError with a sentence where this user has no home folder."""
    from platformdirs import user_cache_path

    try:
        folder = user_cache_path("nbcnn", appauthor=False)
    except (RuntimeError, KeyError, OSError):  # no HOME, and a user whom the system does not know
        folder = Path()
    # Some versions give ~/.cache back as it is, which would be a folder called ~ in the current one.
    if not folder.is_absolute():
        raise ValueError("this user has no home folder")
    return folder
