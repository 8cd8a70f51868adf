"""Changes to a config as it is written: what a remedy changes, as YAML, and the config with them applied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, NamedTuple

from nbcnn.config.tree import KeyPath
from nbcnn.config.writer import to_yaml
from nbcnn.config.yaml_tree import key_path, read_value
from nbcnn.layers import Layer
from nbcnn.layers.entries import kind_of


@dataclass(frozen=True)
class Itself:
    """In the place of an entry: the entry as it is written, with other values for these keys."""

    keys: Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """What a rule proposes: entries in the place of a layer's, or (without a layer) values for the keys of sections."""

    layer: Layer | None
    entries: tuple[Any, ...]


Changes = tuple[Change, ...]


def change(layer: Layer, **keys: Any) -> Change:
    """Other values for some keys of a layer: ``change(conv, bias=False)``."""
    return Change(layer, (Itself(keys),))


def replace(layer: Layer, *entries: Any) -> Change:
    """Entries as YAML has them, ``"relu"``, ``{"dropout": {"p": 0.5}}``, in the place of a layer; none takes it out."""
    return Change(layer, entries)


def before(layer: Layer, *entries: Any) -> Change:
    """Entries before a layer."""
    return Change(layer, (*entries, Itself({})))


def after(layer: Layer, *entries: Any) -> Change:
    """Entries after a layer."""
    return Change(layer, (Itself({}), *entries))


def configure(section: str, **keys: Any) -> Change:
    """Values for keys of a section: ``configure("train", batch_size=32)``."""
    return Change(None, ({section: keys},))


class UnfitChangeError(Exception):
    """A change that can't be made in the file as it is written, as of a key of a layer that a ``$parameter`` names."""


class Edit(NamedTuple):
    """A change of a config, as YAML: entries for the one at ``path``, or values for sections' keys where that is ()."""

    path: KeyPath
    yaml: str

    @property
    def at(self) -> str:
        """``layers[2]``; nothing for keys of sections."""
        return key_path(self.path)


def edits_of(changes: Iterable[Change], root: Mapping[str, Any]) -> tuple[Edit, ...]:
    """The edits of a config's values, each once, that make some changes; raises UnfitChangeError.

    A change of a layer inside another one that is changed too is made in the text of that one.
    """
    wanted, made = list(changes), dict[KeyPath, Edit]()
    outer = {_path(one) for one in wanted}
    inner = [one for one in wanted if any(_path(one)[:length] in outer for length in range(1, len(_path(one))))]
    if inner:
        root = applied(root, [_edit(one, root) for one in inner])
    for one in wanted:
        if one in inner:
            continue
        edit = _edit(one, root)
        if edit.path in made and made[edit.path] != edit:
            if edit.path:
                raise UnfitChangeError
            edit = Edit((), made[()].yaml + edit.yaml)
        made[edit.path] = edit
    return tuple(made.values())


def applied(root: Mapping[str, Any], edits: Sequence[Edit]) -> dict[str, Any]:
    """A copy of a config's values with the edits made, by their YAML; raises UnfitChangeError."""
    changed: dict[str, Any] = deepcopy(dict(root))
    # later entries of a list first, so that places stay those of the file
    for edit in sorted(edits, key=lambda edit: [(isinstance(part, int), str(part).zfill(9)) for part in edit.path])[
        ::-1
    ]:
        value = read_value(edit.yaml, "remedy")
        if not edit.path:
            for section, keys in value.items():
                changed[section] = {**(changed.get(section) or {}), **keys}
            continue
        parent = _at(changed, edit.path[:-1])
        if isinstance(parent, list) and isinstance(edit.path[-1], int):
            parent[edit.path[-1] : edit.path[-1] + 1] = value
        elif isinstance(parent, dict) and len(value) == 1:
            parent[edit.path[-1]] = value[0]
        else:
            raise UnfitChangeError
    return changed


def _path(one: Change) -> KeyPath:
    return one.layer.config.written_at if one.layer is not None else ()


def _edit(one: Change, root: Mapping[str, Any]) -> Edit:
    if one.layer is None:
        return Edit((), to_yaml(one.entries[0]))
    path = one.layer.config.written_at
    if not path:
        raise UnfitChangeError
    layer, entry, kind = one.layer, _at(root, path), kind_of(one.layer.config)

    def filled(value: Any) -> Any:
        if isinstance(value, Itself):
            return _altered(entry, kind, value.keys, layer)
        if isinstance(value, dict):
            return {key: filled(item) for key, item in value.items()}
        return [filled(item) for item in value] if isinstance(value, list) else value

    return Edit(path, _entries_yaml([filled(each) for each in one.entries]))


def _altered(entry: Any, kind: str, keys: Mapping[str, Any], layer: Layer) -> Any:
    """An entry with other values for some keys."""
    if not keys:
        return entry
    if entry == kind:
        return {kind: dict(keys)}
    if not (isinstance(entry, Mapping) and set(entry) == {kind}):
        raise UnfitChangeError
    arguments = {} if entry[kind] is None else entry[kind]
    if not isinstance(arguments, Mapping):
        arguments = {str(layer.config.positional): arguments}
    if any(isinstance(arguments.get(key), str) and arguments[key].startswith("$") for key in keys):
        raise UnfitChangeError  # its value is that of each use of the block
    return {kind: {**arguments, **keys}}


def _entries_yaml(entries: Sequence[Any]) -> str:
    """A list of entries, one a line."""
    if not entries:
        return "[]\n"
    lines = to_yaml({"layers": [*entries, {"end": {"of": "list"}}]}).splitlines()  # a mapping makes it a list of lines
    return "".join(f"{line[2:]}\n" for line in lines[1:-1])


def _at(value: Any, path: KeyPath) -> Any:
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            raise UnfitChangeError from None
    return value
