"""Command-line overrides of a config, applied to the YAML tree before it is validated.

Every changed value gets the option as its place: ``--set train.epochs=three: train.epochs: expected ...``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from nbcnn.config.folders import absolute, absolute_folders
from nbcnn.config.optimizer import DEFAULT_OPTIMIZER
from nbcnn.config.problems import Problem
from nbcnn.config.tree import KeyPath, Place, Tree
from nbcnn.config.yaml_tree import LARGEST, key_path, read_value, show
from nbcnn.errors import ConfigError
from nbcnn.util.registry import Registry
from nbcnn.util.suggestions import closest, nearest

_OPTIMIZER: KeyPath = ("train", "optimizer")
_CHOICES: tuple[KeyPath, ...] = (_OPTIMIZER, ("train", "schedule"))
"""Where one of several is chosen by its name, with its arguments below that."""


@dataclass(frozen=True)
class Overrides:
    """``sets`` are ``key.path=value`` (the value is YAML), ``backends`` are ``op=name``, ``data`` a name or a folder.

    The others are short for the keys of their name; None leaves the config alone. Folders are relative to the
    current directory.
    """

    sets: tuple[str, ...] = ()
    backends: tuple[str, ...] = ()
    data: str | None = None
    epochs: int | None = None
    threads: int | None = None
    seed: int | None = None
    data_dir: str | None = None
    batch_size: int | None = None


def apply(overrides: Overrides, tree: Tree) -> list[Problem]:
    """Change the tree; returns what could not be applied."""
    changes: list[tuple[str, Callable[[Place], None]]] = []
    for text in overrides.sets:
        changes.append((f"--set {text}", partial(_set_text, tree, text)))
    for key in ("epochs", "batch_size", "seed", "threads"):
        if (number := plain_number(getattr(overrides, key))) is not None:
            written = number if not isinstance(number, int) or abs(number) < 10**100 else "…"
            changes.append((f"--{key.replace('_', '-')} {written}", partial(_set_number, tree, key, number)))
    if overrides.data is not None:
        changes.append((f"--data {overrides.data}", partial(_set_data, tree, overrides.data)))
    if overrides.data_dir is not None:
        changes.append((f"--data-dir {overrides.data_dir}", partial(_set_data_dir, tree, overrides.data_dir)))
    problems = []
    for rank, (source, change) in enumerate(changes, start=1):
        place = Place(rank, 0, 0, source)
        try:
            change(place)
        except _RefusedError as error:
            problems.append(Problem(place, (), str(error)))
        except ConfigError as error:  # from the YAML reader, which has put the place in front already
            problems.append(Problem(place, (), str(error).removeprefix(f"{source}: ")))
    return problems + _two_sources(tree)


def plain_number(value: Any) -> Any:
    """Python's number or list where NumPy's was given: sizes that come out of arithmetic on arrays are such."""
    listed = getattr(value, "tolist", None)
    return listed() if callable(listed) else value


class _RefusedError(Exception):
    """An override that does not fit the tree; the message is one sentence."""


def _set_text(tree: Tree, text: str, place: Place) -> None:
    """``layers.0.conv2d.bias=false`` or, as messages write it, ``layers[0].conv2d.bias=false``."""
    keys, equals, value = text.partition("=")
    parts = tuple(re.sub(r"\[(\d+)\]", r".\1", keys.strip()).split("."))
    if not equals or not all(parts):
        raise _RefusedError("expected KEY.PATH=VALUE, for instance --set train.epochs=3")
    plain = read_value(value, place.source)
    if parts in (("data", "folder"), ("data", "data_dir")) and isinstance(plain, str) and plain:
        plain = absolute(plain)
    elif parts == ("data",) and isinstance(plain, dict):
        absolute_folders(plain)
    _set(tree, parts, plain, place)


def _set_number(tree: Tree, key: str, number: int, place: Place) -> None:
    if isinstance(number, int) and abs(number) > LARGEST:  # config.yaml could not be read again
        raise _RefusedError(f"train.{key}: the whole number is too large; the largest is {LARGEST}")
    _set(tree, ("train", key), number, place)


def _two_sources(tree: Tree) -> list[Problem]:
    """An option that gives a folder to a config with a named data set, or a name to one with a folder, is taken back.

    It can't be known whether what goes with the other source (``size``, say) should stay; ``--data`` knows.
    """
    data, problems = tree.root.get("data"), []
    for key, other in (("folder", "name"), ("name", "folder")):
        place, first = tree.values.get(("data", key)), tree.values.get(("data", other))
        both = isinstance(data, dict) and data.get(key) is not None and data.get(other) is not None
        if both and place and place.rank and not (first and first.rank):
            value = place.source.partition("=")[2].strip()
            sentence = (
                f"data.{key} can't be set beside the data.{other} that the config has; to replace that, "
                f'write --data {value} (or --set "data={{{key}: {value}}}")'
            )
            problems.append(Problem(place, (), sentence))
            del data[key]
    return problems


def _set(tree: Tree, parts: tuple[str, ...], value: Any, place: Place) -> None:
    """Put ``value`` where ``parts`` lead, making the mappings on the way that are not there yet."""
    node: Any = tree.root
    path: KeyPath = ()
    key: Any
    for part, after in zip(parts, (*parts[1:], None), strict=True):
        key = _key_in(tree, node, path, part)
        path = (*path, key)
        if after is None:
            node[key] = value
            _came_from(tree, path, place)
            return
        below = node[key] if isinstance(node, list) else node.get(key)
        if not isinstance(below, (dict, list)):
            if below is None:
                _came_from(tree, path, place)
            below = node[key] = _opened(below, path)
        node = below


def _key_in(tree: Tree, node: Any, path: KeyPath, part: str) -> str | int:
    """``part`` as a key of the mapping or an index of the list ``node``, which stands at ``path``."""
    if isinstance(node, list):
        if not part.isdecimal() or int(part) >= len(node):
            raise _RefusedError(f"{key_path(path)} has {len(node)} entries, numbered from 0; there is no {part}")
        return int(part)
    (name,) = node if len(node) == 1 else (part,)
    if name != part and path in _CHOICES and (words := _argument_of(name, part, path)):
        raise _RefusedError(words)
    if name != part and path in _CHOICES:  # another optimizer takes the place of the one that is there
        del node[name]
        tree.forget((*path, name))
    elif name != part and path and isinstance(path[-1], int):
        raise _RefusedError(
            f"{key_path(path)} is {name}; set what is below {key_path(path)}.{name}, or replace all of it: "
            f"{key_path(path)}={{{part}: ...}}"
        )
    return part


def _argument_of(name: str, part: str, path: KeyPath) -> str | None:
    """``train.optimizer.lr``: where the argument stands, if it is one of the optimizer that is there."""
    from nbcnn.optim import OPTIMIZERS
    from nbcnn.optim.schedules import SCHEDULES

    registry: Registry[Any] = OPTIMIZERS if path == _OPTIMIZER else SCHEDULES
    if part in registry or name not in registry:
        return None
    meant = closest(part, registry.get(name).Config.model_fields)
    return f"{part} is an argument of {name}; write {key_path(path)}.{name}.{meant}" if meant else None


def _opened(value: Any, path: KeyPath) -> dict[str, Any]:
    """A mapping that takes the place of a null or a bare name, so that something can be set in it."""
    if path == _OPTIMIZER and value is None:
        return deepcopy(DEFAULT_OPTIMIZER)
    if isinstance(value, str) and (path in _CHOICES or isinstance(path[-1], int)):
        return {value: None}
    if value is None:
        return {}
    raise _RefusedError(f"{key_path(path)} is {show(value)}; nothing can be set below it")


def _set_data_dir(tree: Tree, folder: str, place: Place) -> None:
    if not folder:
        raise _RefusedError("expected a folder, got nothing")
    _set(tree, ("data", "data_dir"), absolute(folder), place)


def _set_data(tree: Tree, data: str, place: Place) -> None:
    """Another data set or folder; what else the config says of data stays, but for what only folders have."""
    from nbcnn.data.file_kinds import not_a_folder
    from nbcnn.data.source import DATASETS  # here, because it imports NumPy and the reading of files

    if not data:
        raise _RefusedError("expected the name of a data set or a folder, got nothing")
    folder = absolute(data)
    stale: tuple[str, ...]
    if data in DATASETS:
        new, stale = {"name": data}, ("name", "folder", "size", "grayscale", "white_level")
    elif os.path.isdir(folder):
        new, stale = {"folder": folder}, ("name", "folder")
    elif os.path.exists(folder):
        raise _RefusedError(not_a_folder(Path(data)))
    else:
        raise _RefusedError(f"no data set and no folder is called {show(data)}; {nearest(data, DATASETS)}")
    old = tree.root.get("data")
    kept = {key: value for key, value in old.items() if key not in stale} if isinstance(old, dict) else {}
    for key in stale:
        tree.forget(("data", key))
    tree.root["data"] = new | kept
    _came_from(tree, ("data", *new), place)


def _came_from(tree: Tree, path: KeyPath, place: Place) -> None:
    tree.forget(path)
    tree.keys[path] = tree.values[path] = place
