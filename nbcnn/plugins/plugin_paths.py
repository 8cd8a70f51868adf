"""Resolution of ``--plugin FILE|NAME`` to a file or an installed plugin. Nothing is imported here."""

from __future__ import annotations

import os
import re
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import NamedTuple

from nbcnn.errors import PluginError, shown
from nbcnn.util.suggestions import closest, nearest
from nbcnn.util.user_folders import expanded

GROUP = "nbcnn.plugins"
"""The group of entry points that an installed package offers plugins in."""


class Installed(NamedTuple):
    """A plugin of an installed package: known by its entry point, loaded when it is asked for."""

    name: str
    module: str
    package: str
    """Distribution and version: ``nbcnn-winograd 1.2``."""


def installed_plugins() -> list[Installed]:
    """The plugins of installed packages, by name; none of them is imported."""
    return sorted({Installed(point.name, point.value, _package(point)) for point in entry_points(group=GROUP)})


def find_plugin(what: str | Path) -> Path | Installed:
    """The file or the installed plugin that is meant. What has ``.py`` or a separator in it is a path, all else a name.

    Raises PluginError where there is none, or more than one.
    """
    text = str(what)
    if isinstance(what, Path) or text.endswith(".py") or os.sep in text or (os.altsep or os.sep) in text:
        return _file(text)
    found = [plugin for plugin in installed_plugins() if plugin.name == text]
    if len(found) == 1:
        return found[0]
    if found:
        packages = " and ".join(sorted(plugin.package for plugin in found))
        raise PluginError(f"plugin {text!r} is offered by {packages}; uninstall one of them")
    files = plugin_files(text, [Path.cwd()])
    if files:
        raise PluginError(f"no installed plugin is called {text!r}; give the file as a path: {shown(files[0])}")
    names = [plugin.name for plugin in installed_plugins()]
    raise PluginError(
        f"no installed plugin is called {text!r} ({nearest(text, names)}); give such a name or a path to a .py file"
    )


def plugin_files(name: str, folders: list[Path]) -> list[Path]:
    """Files ``name.py`` that speak of nbcnn, in the folders, in ``plugins`` below them, and in the working copy's."""
    if not re.fullmatch(r"[A-Za-z_][\w-]{,99}", name):  # names come out of configs; a file's has at most 255 bytes
        return []
    file = f"{name.replace('-', '_')}.py"
    beside = Path(__file__).parents[2]  # the repository, unless nbcnn is installed
    places = [place for folder in folders for place in (folder, folder / "plugins")]
    places += [beside / "plugins"] if (beside / "pyproject.toml").is_file() else []
    found = [(place / file).resolve() for place in places]
    return [path for path in dict.fromkeys(found) if path.is_file() and _speaks_of_us(path)]


def _file(text: str) -> Path:
    path = expanded(text).resolve()
    if path.is_dir():
        raise PluginError(f"{text} is a folder; a plugin is one .py file")
    if not path.is_file():
        folder = path.parent
        near = closest(path.name, [one.name for one in folder.glob("*.py")]) if folder.is_dir() else None
        hint = f"did you mean {shown(folder / near)}?" if near else "nbcnn plugin new makes one"
        raise PluginError(f"there is no plugin file {text}; {hint}")
    if path.suffix != ".py":
        raise PluginError(f"{text} is no .py file; a plugin is one")
    if not path.stem.isidentifier():
        raise PluginError(
            f"{text}: the file's name is that of what it registers, so it must be letters, digits and _; rename it to "
            f"{re.sub(r'[^0-9a-zA-Z_]', '_', path.stem).lstrip('0123456789') or 'my_plugin'}.py"
        )
    return path


def _speaks_of_us(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return b"nbcnn" in file.read(1 << 20)
    except OSError:
        return False


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"
