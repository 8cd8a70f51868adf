"""Plugins: Python files of the user's own that register backends, layers, optimizers or data sets.

A plugin is loaded because the person said so (on the command line, in the environment, from Python), never because a
YAML file or a checkpoint names it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path
from typing import NamedTuple

from nbcnn.errors import PluginError


class Plugin(NamedTuple):
    """A loaded plugin: its name (the file's), its file, the SHA-256 of its content."""

    name: str
    file: Path
    digest: str


_loaded: dict[Path, Plugin] = {}


def loaded_plugins() -> list[Plugin]:
    """Those loaded so far, in order."""
    return list(_loaded.values())


def load_plugin(what: str | Path) -> Plugin:
    """Run a plugin's file, so that what it registers is known; a second time does nothing. Raises PluginError."""
    path = Path(what).expanduser().resolve()
    if path in _loaded:
        return _loaded[path]
    name = f"nbcnn_plugin_{path.stem}"  # stable, so that kernels cached by one process load in the next
    spec = importlib.util.spec_from_file_location(name, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise PluginError(f"there is no plugin file {what}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    _loaded[path] = Plugin(path.stem, path, hashlib.sha256(path.read_bytes()).hexdigest())
    return _loaded[path]
