"""The ``blocks`` of a config: named lists of layers with parameters, and what may be wrong with them.

What a use of a block stands for is in substitution.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from nbcnn.config.problems import Problem
from nbcnn.config.tree import KeyPath, Tree
from nbcnn.config.yaml_tree import show, show_name
from nbcnn.layers.base import LAYERS
from nbcnn.util.suggestions import closest, nearest

BLOCKS = "blocks"
JSON_SCHEMA = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "properties": {"parameters": {"type": ["object", "null"]}, "layers": {"type": ["array", "string"]}},
        "required": ["layers"],
        "additionalProperties": False,
    },
    "x-expected": "a mapping of names to blocks, as in {NAME: {parameters: {channels: }, layers: [...]}}",
}

MOST = 100
"""Blocks of a config, and parameters of a block: as many as a message can list."""

_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]{0,39}")
_EXPECTED_NAME = "expected a name of at most 40 letters, digits and _"
_SHOWN = 6
_EXAMPLE = "parameters: {channels: , stride: 1}"


class Block(NamedTuple):
    """One entry of ``blocks``: the defaults of its parameters (None: must be given) and its layers as written."""

    name: str
    parameters: dict[str, Any]
    layers: Any

    @property
    def path(self) -> KeyPath:
        """Where it stands in the config."""
        return BLOCKS, self.name

    def signature(self) -> str:
        """How a use of it is written."""
        shown = [f"{key}: {'...' if value is None else show(value)}" for key, value in self.parameters.items()]
        shown[_SHOWN:] = ["..."] if len(shown) > _SHOWN else []
        return f"{self.name}: {{{', '.join(shown)}}}" if shown else self.name


def parameter_of(text: Any) -> str | None:
    """``channels`` for the text ``$channels``; None for whatever is not exactly a ``$`` and a name."""
    if isinstance(text, str) and text.startswith("$") and _NAME.fullmatch(text[1:]):
        return text[1:]
    return None


def read_blocks(tree: Tree) -> tuple[dict[str, Block], list[Problem]]:
    """The blocks of a config by name, and what is wrong with any of them, however it is used."""
    written = tree.root.get(BLOCKS)
    if written is None:
        return {}, []
    if not isinstance(written, Mapping):
        words = f"expected {JSON_SCHEMA['x-expected']}, got {show(written)}"
        return {}, [Problem(tree.place((BLOCKS,)), (BLOCKS,), words)]
    if len(written) > MOST:
        words = f"{len(written):,} blocks; at most {MOST} are allowed"
        return {}, [Problem(tree.place((BLOCKS,)), (BLOCKS,), words)]
    blocks, problems = {}, []
    for name, value in written.items():
        found = list(_flaws(name, value, tree))
        problems += found
        if not found:
            blocks[name] = Block(name, dict(value.get("parameters") or {}), value["layers"])
            problems += _names_used(blocks[name], tree)
    return blocks, problems


def _flaws(name: Any, value: Any, tree: Tree) -> Iterator[Problem]:
    """What is wrong with the form of one block."""
    path: KeyPath = (BLOCKS, name)
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        words = f"{_EXPECTED_NAME} for the block, got {show(name)}"
        yield Problem(tree.place(path, of_key=True), path, words)
    elif name in LAYERS:
        words = f"{name} is the name of a layer, so the block needs another one, such as {name}_block"
        yield Problem(tree.place(path, of_key=True), path, words)
    if isinstance(value, (list, tuple)):
        words = f"expected a mapping with layers and, if it has any, parameters; write layers: before {show(value)}"
        yield Problem(tree.place(path), path, words)
        return
    if not isinstance(value, Mapping):
        words = f"expected a mapping with layers and, if it has any, parameters, got {show(value)}"
        yield Problem(tree.place(path), path, words)
        return
    keys = [key for key in value if key not in ("parameters", "layers")]
    for key in keys:
        near = nearest(str(key), ("parameters", "layers"))
        if isinstance(value.get("parameters"), Mapping) and key in value["parameters"]:
            near = f"did you mean parameters.{key}?"
        words = f"unknown key {show(key)}; {near}"
        yield Problem(tree.place((*path, key), of_key=True), (*path, key), words)
    layers = value.get("layers")
    if "layers" not in value and "layers" not in {closest(str(key), ("parameters", "layers")) for key in keys}:
        place, words = tree.place(path, of_key=True), "layers is missing; expected the block's list of layers"
        if place is not None and place.rank:  # an option has made it, by the name that it gave
            words = f"there is no block {show_name(name)}; {nearest(name, [b for b in tree.root[BLOCKS] if b != name])}"
        yield Problem(place, path, words)
    elif "layers" in value and not (parameter_of(layers) or (isinstance(layers, (list, tuple)) and layers)):
        words = f"expected a list of layers, at least one, got {show(layers)}"
        yield Problem(tree.place((*path, "layers")), (*path, "layers"), words)
    yield from _parameter_flaws((*path, "parameters"), value.get("parameters"), tree)


def _parameter_flaws(path: KeyPath, parameters: Any, tree: Tree) -> Iterator[Problem]:
    if parameters is None:
        return
    if not isinstance(parameters, Mapping):
        words = f"expected a mapping of names to defaults, an empty one where there is none, as in {_EXAMPLE}, got "
        yield Problem(tree.place(path), path, words + show(parameters))
        return
    if len(parameters) > MOST:
        yield Problem(tree.place(path), path, f"{len(parameters):,} parameters; at most {MOST} are allowed")
        return
    for name, default in parameters.items():
        place = tree.place((*path, name), of_key=True)
        if parameter_of(name):
            words = f"write {name[1:]}; the $ stands only where the parameter is used"
            yield Problem(place, (*path, name), words)
        elif not (isinstance(name, str) and _NAME.fullmatch(name)):
            words = f"{_EXPECTED_NAME} for the parameter, got {show(name)}"
            yield Problem(place, (*path, name), words)
        for below, value in _values(default, (*path, name)):
            if isinstance(value, str) and "$" in value:
                words = f"a default can't depend on another parameter; write a value without $, got {show(value)}"
                yield Problem(tree.place(below), below, words)


def _names_used(block: Block, tree: Tree) -> Iterator[Problem]:
    """Every ``$`` in a block's layers that stands for no parameter, and parameters that nothing stands for."""
    used, known = set(), block.parameters
    for path, value in _values(block.layers, (*block.path, "layers")):
        if (name := parameter_of(value)) is not None:
            used.add(name)
            if name not in known:
                near = nearest(name, known) if known else "the block has no parameters; declare it, as in parameters: "
                words = f"unknown parameter ${name}; {near}{'' if known else f'{{{name}: }}'}"
                yield Problem(tree.place(path), path, words)
        elif isinstance(value, str) and "$" in value:
            words = "a value is exactly $ and the name of a parameter, or has no $: nothing is computed or joined"
            yield Problem(tree.place(path), path, f"{words}, got {show(value)}")
    for path in _keys(block.layers, (*block.path, "layers")):
        if "$" in str(path[-1]):
            words = f"a parameter stands for a value, not for a key, got {show(path[-1])}; write the key itself"
            yield Problem(tree.place(path, of_key=True), path, words)
    meant = {closest(name, known) for name in used - set(known)}
    for name in known:
        if name not in used and name not in meant:
            path = (*block.path, "parameters", name)
            words = f"no layer of the block has ${name}, so a value for it would change nothing; "
            other = closest(name, used)
            words += f"did you mean {other}?" if other else "use it or leave it out"
            yield Problem(tree.place(path, of_key=True), path, words)


def _values(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    """All values inside that are no list and no mapping, with their paths."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _values(item, (*path, key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _values(item, (*path, index))
    else:
        yield path, value


def _keys(value: Any, path: KeyPath) -> Iterator[KeyPath]:
    """The paths of all keys of mappings inside."""
    if isinstance(value, (Mapping, list, tuple)):
        pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, item in pairs:
            if isinstance(value, Mapping):
                yield (*path, key)
            yield from _keys(item, (*path, key))
