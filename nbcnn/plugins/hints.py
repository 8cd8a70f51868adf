"""Hints for unknown names that a plugin not yet loaded may define. Nothing is loaded here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from shlex import quote
from typing import Any

from nbcnn.errors import shown
from nbcnn.plugins.loading import VARIABLE, loaded_plugins
from nbcnn.plugins.plugin_paths import installed_plugins, plugin_files
from nbcnn.util.suggestions import nearest

MAX_BYTES = 1 << 20
_near: ContextVar[Path | None] = ContextVar("near", default=None)


@contextmanager
def near(folder: Path | None) -> Iterator[None]:
    """While inside, look for plugins in a folder, too: the config's; where that is a run's, in its run.json."""
    before = _near.get()
    try:
        _near.set(folder)
        yield
    finally:
        _near.set(before)


def remedy(name: str, known: Iterable[str]) -> str:
    """What to do about an unknown name of a backend, layer, optimizer, schedule or data set."""
    folder = _near.get()
    if folder is not None and (words := _of_the_run(folder, name)):
        return words
    loaded = {plugin.file for plugin in loaded_plugins()}
    for file in plugin_files(name, [*([folder] if folder else []), Path.cwd()]):
        if file not in loaded:
            return f"{shown(file)} may have it and is not loaded: {_add(shown(file))}"
    for plugin in installed_plugins():
        if plugin.name == name and name not in {one.name for one in loaded_plugins() if one.package}:
            return f"{plugin.package} offers a plugin of that name, which is not loaded: {_add(name)}"
    return f"{nearest(name, known)}, or load the plugin that has it with --plugin FILE"


def _add(what: str) -> str:
    return f"add --plugin {quote(what)} (or set {VARIABLE}, or nbcnn.load_plugin in Python)"


def _of_the_run(folder: Path, name: str) -> str | None:
    """What run.json says of where a name came from; it is read, and nothing that it names is touched but looked for."""
    for entry in _recorded(folder / "run.json"):
        things, file, package = entry.get("registers"), entry.get("file"), entry.get("package")
        if not isinstance(things, dict) or not isinstance(file, str) or not file.isprintable() or len(file) > 1000:
            continue
        if not any(isinstance(names, list) and name in names for names in things.values()):
            continue
        own = str(entry.get("name"))
        if isinstance(package, str) and (package + own).isprintable() and len(package + own) <= 200:
            return f"by its run.json, this run had it from {package}: {_add(own)}"
        try:
            there = Path(file).is_file()
        except (OSError, ValueError):
            there = False
        if there:
            return f"by its run.json, this run had it from {shown(file)}, which is not loaded: {_add(shown(file))}"
        return f"by its run.json, this run had it from {file}, which is not there now: give the file with --plugin FILE"
    return None


def _recorded(path: Path) -> list[dict[str, Any]]:
    """The plugins in a run.json; [] where there is none that can be read."""
    try:
        with path.open("rb") as file:
            info = json.loads(file.read(MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return []
    plugins = info.get("plugins") if isinstance(info, dict) else None
    return [entry for entry in plugins if isinstance(entry, dict)] if isinstance(plugins, list) else []
