"""Folder paths in a config: absolute in memory, relative in a run folder's file where possible."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def absolute(folder: str, base: str = "") -> str:
    """A folder's absolute path, seen from ``base`` (the current directory if there is none); ``~`` is the home."""
    return os.path.abspath(os.path.join(base, os.path.expanduser(folder)))


def absolute_folders(data: Any, base: str = "") -> None:
    """Make the folders absolute that the section ``data`` names."""
    for key in ("folder", "data_dir"):
        if isinstance(data, dict) and isinstance(data.get(key), str) and data[key]:
            data[key] = absolute(data[key], base)


def relative_folders(data: dict[str, Any], base: Path) -> dict[str, Any]:
    """The section ``data`` for a config in the folder ``base``, which may be moved together with the images.

    A folder is written as seen from ``base`` where both are below the current folder; elsewhere it stays absolute.
    """
    try:
        here, own = Path.cwd(), Path(os.path.realpath(base))
    except OSError:  # the current folder is gone
        return data
    found = dict(data)
    for key in ("folder", "data_dir"):
        value = data.get(key)
        if value and own.is_relative_to(here) and Path(value).is_relative_to(here):
            found[key] = os.path.relpath(value, own)
    return found
