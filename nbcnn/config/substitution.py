"""Expansion of ``blocks``: each use becomes a ``sequential`` of the block's layers, with arguments for ``$name``.

It works on the tree before anything is validated, and by name alone: a value that is exactly ``$name`` becomes the
argument as it is written. Every value of the result keeps the place where it is written, and that of the use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import WithJsonSchema

from nbcnn.config.block_scope import Argument, Scope
from nbcnn.config.blocks import BLOCKS, JSON_SCHEMA, Block, parameter_of, read_blocks
from nbcnn.config.problems import Problem
from nbcnn.config.tree import KeyPath, Tree, Written
from nbcnn.config.yaml_tree import MAX_DEPTH, MAX_VALUES, key_path, show
from nbcnn.layers.base import LAYERS
from nbcnn.layers.entries import Flaw, refuse
from nbcnn.layers.layer_fields import LAYER_LIST, NO_LAYERS, LayerFields, layer_fields
from nbcnn.util.suggestions import closest, nearest

BlocksField = Annotated[dict[str, Any], WithJsonSchema(JSON_SCHEMA)]
"""The type of ``blocks`` in a config; a validated one has none, for their layers stand where they are used."""


def substitute(tree: Tree) -> tuple[Tree, list[Problem]]:
    """The tree without blocks, their layers where they are used; and what is wrong with blocks and their uses.

    The tree makes sense only where nothing is wrong.
    """
    blocks, problems = read_blocks(tree)
    if problems:
        return tree, problems
    work = _Substitution(tree, blocks)
    try:
        layers = work.value(tree.root.get("layers"), ("layers",), ("layers",), LAYER_LIST, Scope())
        work.check_unused()
    except _TooMuchError as error:
        return tree, [*work.problems, error.problem]
    root = {key: layers if key == "layers" else value for key, value in tree.root.items() if key != BLOCKS}
    return replace(work.result, root=root), work.problems


def substituted(config: Any) -> Any:
    """A mapping of a config without blocks, as ``substitute`` makes it; pydantic's error where they are wrong."""
    if not isinstance(config, Mapping) or BLOCKS not in config:
        return config
    tree, problems = substitute(Tree(dict(config)))
    if problems:
        refuse(*(Flaw(p.path, str(p._replace(path=()))) for p in problems))
    return tree.root


class _TooMuchError(Exception):
    """What the blocks stand for is larger than any config may be."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.sentence)
        self.problem = problem


class _Substitution:
    """One pass over the layers of a tree; ``source`` is where a value is written, ``path`` where it comes to stand."""

    def __init__(self, tree: Tree, blocks: Mapping[str, Block]) -> None:
        self._tree, self._blocks = tree, blocks
        others = [
            {path: at for path, at in places.items() if path[:1] != ("layers",)} for places in (tree.keys, tree.values)
        ]
        self.result = Tree(None, others[0], others[1])
        self.problems: list[Problem] = []
        self._seen: set[str] = set()
        self._made = 0
        self._outermost: KeyPath = ()
        self._only_checked = False

    def value(self, value: Any, source: KeyPath, path: KeyPath, fields: LayerFields, scope: Scope) -> Any:
        """A value, and all that is in it, with layers in the place of blocks and arguments in that of parameters."""
        self._keep_place(source, path, scope)
        if (name := parameter_of(value)) is not None:
            return self._argument(name, source, path, fields, scope)
        section = isinstance(value, Mapping) and any(key in fields.fields for key in value)
        if fields.layer and not section and isinstance(value, (str, Mapping)):
            return self._layer(value, source, path, scope)
        if isinstance(value, (Mapping, list, tuple)) and path != source and len(path) >= MAX_DEPTH:
            raise self._too_much(f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, Mapping):
            return {k: self.value(v, (*source, k), (*path, k), fields.below(k), scope) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            below = fields.below(0)
            return [self.value(v, (*source, i), (*path, i), below, scope) for i, v in enumerate(value)]
        return value

    def check_unused(self) -> None:
        """Look into the blocks that nothing uses: their parameters stand for nothing then."""
        self._only_checked = True
        for block in self._blocks.values():
            if block.name not in self._seen:
                self._outermost = block.path
                self._layers(block, {}, block.path, Scope(), ())

    def _keep_place(self, source: KeyPath, path: KeyPath, scope: Scope) -> None:
        if path == source:
            for places, kept in ((self._tree.keys, self.result.keys), (self._tree.values, self.result.values)):
                if path in places:
                    kept[path] = places[path]
            return
        self._made += 1
        if self._made > MAX_VALUES:
            raise self._too_much(f"more than {MAX_VALUES:,} values")
        if (place := self._tree.place(source)) is not None:
            self.result.values[path] = place
            self.result.keys[path] = self._tree.keys.get(source, place)
        self.result.written[path] = Written(source, scope.used)

    def _argument(self, name: str, source: KeyPath, path: KeyPath, fields: LayerFields, scope: Scope) -> Any:
        """What ``$name`` stands for; nothing where the use, which is told to be wrong, does not say."""
        argument = self._find(name, source, scope)
        if argument is None:
            return None
        if fields.layer and isinstance(argument.value, (list, tuple)):
            words = f"${name} stands for a list of layers, and here is the place of one; write sequential: ${name}"
            self._problem(source, words, replace(scope, note=self._given(name, argument)))
        note = f"it stands for ${name} at {self._where(source)}"
        value = self.value(argument.value, argument.path, path, fields, replace(argument.scope, note=note))
        self._keep_place(source, path, replace(scope, note=self._given(name, argument)))
        return value

    def _find(self, name: str, source: KeyPath, scope: Scope) -> Argument | None:
        """The argument for ``$name``; that of the block around where it is itself such a text."""
        if scope.arguments is None:
            words = f"${name} stands for a parameter of a block, and this is in no block; write the value itself"
            self._problem(source, words, scope)
            return None
        argument = scope.arguments.get(name)
        if argument is None or (outer := parameter_of(argument.value)) is None:
            return argument
        return self._find(outer, argument.path, argument.scope)

    def _layer(self, value: str | Mapping[str, Any], source: KeyPath, path: KeyPath, scope: Scope) -> Any:
        """An entry of a list of layers."""
        name, arguments = (value, None) if isinstance(value, str) else next(iter(value.items()), ("", None))
        if isinstance(value, Mapping) and len(value) != 1:
            return self.value(value, source, path, NO_LAYERS, scope)
        if name in self._blocks:
            return self._use(self._blocks[name], arguments, source, path, scope)
        if name not in LAYERS:
            self._misspelt(name, source, scope)
            return self.value(value, source, path, NO_LAYERS, scope)
        if isinstance(value, str):
            return value
        model = LAYERS.get(name).Config
        fields = layer_fields(model)
        if model.positional is not None:
            fields = fields | fields.below(model.positional)
        return {name: self.value(arguments, (*source, name), (*path, name), fields, scope)}

    def _use(self, block: Block, arguments: Any, source: KeyPath, path: KeyPath, scope: Scope) -> Any:
        """A block's layers with these arguments."""
        if block.name in scope.blocks:
            chain = [*scope.blocks[scope.blocks.index(block.name) :], block.name]
            words = f"the block {block.name} uses itself ({' → '.join(chain)}), which would never end; take one use out"
            self._problem(source, words, scope)
            return None
        if path == source:
            self._outermost = source
        given: dict[str, Argument] = {}
        found: Argument | None = Argument(arguments, (*source, block.name), scope)
        if (name := parameter_of(arguments)) is not None:
            found = self._find(name, (*source, block.name), scope)
        if found is not None and (found.value is None or isinstance(found.value, Mapping)):
            given = {k: Argument(v, (*found.path, k), found.scope) for k, v in (found.value or {}).items()}
            self._check_names(block, list(given), found)
        elif found is not None:
            words = f"expected the arguments of the block, as in {block.signature()}, got {show(found.value)}"
            self._problem(found.path, words, found.scope)
        if self._only_checked and block.name in self._seen:
            return None
        return {"sequential": self._layers(block, given, (*path, "sequential"), scope, (self._where(source),))}

    def _layers(
        self, block: Block, given: dict[str, Argument], path: KeyPath, scope: Scope, use: tuple[str, ...]
    ) -> Any:
        """The layers of a block where its parameters are given so, or have their defaults."""
        self._seen.add(block.name)
        every = dict(given)
        inside = Scope(every, (*scope.blocks, block.name), (*use, *scope.uses))
        for name, default in block.parameters.items():
            if name not in given and default is not None:
                every[name] = Argument(default, (*block.path, "parameters", name), inside)
        return self.value(block.layers, (*block.path, "layers"), path, LAYER_LIST, inside)

    def _check_names(self, block: Block, names: list[str], written: Argument) -> None:
        """Complain of arguments that the block has no parameter for, and of those that are missing."""
        known = block.parameters
        unknown = [name for name in names if name not in known]
        for name in unknown:
            words = f"unknown parameter {show(name)} of the block {block.name}; "
            words += nearest(str(name), known) if known else "it has none, leave it out"
            self._problem((*written.path, name), words, written.scope, of_key=True)
        meant = {closest(str(name), known) for name in unknown}
        for name, default in known.items():
            if default is None and name not in names and name not in meant:
                words = f"{name} is missing; the block has no default for it, write {block.signature()}"
                self._problem(written.path, words, written.scope, of_key=True)

    def _misspelt(self, name: Any, source: KeyPath, scope: Scope) -> None:
        """Complain of an unknown layer that is near the name of a block; others are told by the layers' own check."""
        if isinstance(name, str) and closest(name, [*LAYERS, *self._blocks]) in self._blocks:
            words = f"unknown layer {show(name)}; {nearest(name, self._blocks).replace('known:', 'blocks:')}"
            self._problem(source, words, scope)

    def _where(self, source: KeyPath) -> str:
        place = self._tree.place(source)
        return f"{place}: {key_path(source)}" if place else key_path(source)

    def _given(self, name: str, argument: Argument) -> str:
        return f"${name} is given at {self._tree.place(argument.path) or key_path(argument.path)}"

    def _problem(self, source: KeyPath, words: str, scope: Scope, of_key: bool = False) -> None:
        self.problems.append(Problem(self._tree.place(source, of_key), source, words, scope.used))

    def _too_much(self, words: str) -> _TooMuchError:
        place = self._tree.place(self._outermost)
        words = f"{words} where the layers of its blocks are written out; use fewer blocks, or smaller ones"
        return _TooMuchError(Problem(place, self._outermost, words))
