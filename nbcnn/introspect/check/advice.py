"""``check``: the rules asked about one network, and remedies that are tried before they are told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from nbcnn.config import Config, Overrides, load_config
from nbcnn.config.loader import written_tree
from nbcnn.config.tree import Tree
from nbcnn.config.yaml_tree import key_path
from nbcnn.data import data_source, read_dataset
from nbcnn.errors import NbcnnError, PluginError, shown
from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.data_facts import DataFacts, facts_of
from nbcnn.introspect.check.edits import UnfitChangeError, edits_of
from nbcnn.introspect.check.finding import Finding, Remedy, Report
from nbcnn.introspect.check.rule import RULES, Found
from nbcnn.layers import Layer
from nbcnn.layers.composite import written_out
from nbcnn.util.user_folders import expanded

PAGE = "docs/check.md"

_Group = tuple[str, list[Found]]
"""A rule's name, and what it found at one place of the file: more than one where that is in a block."""


def check(
    source: str | PathLike[str] | Mapping[str, Any],
    *,
    data: str | Path | None = None,
    overrides: Overrides | None = None,
    facts: DataFacts | None = None,
) -> Report:
    """What the rules find in the network of a model's name, a YAML file, a run folder or a mapping.

    ``data``, a name or a folder, is a data set to hold it against. Without it that of the config is read where it is on
    this machine; ``facts`` take the place of either. Where there are none, rules about data are left out. Raises
    ConfigError, ShapeError, DataError, and PluginError where a plugin's rule fails.
    """
    overrides = overrides or Overrides()
    if data is not None:
        overrides = replace(overrides, data=str(data))
    config = load_config(source, overrides)
    tree = written_tree(source, overrides)
    facts = facts or _facts(config, tree, overrides)
    work = _Work(config, tree, facts, overrides)
    known = {name: RULES.get(name) for name in RULES}
    left_out = tuple(name for name, rule in known.items() if rule.needs_data and facts is None)
    rules = tuple(name for name in known if name not in left_out)
    return Report(config.name, tuple(work.findings()), rules, left_out, facts and facts.name)


def found_in(net: Architecture) -> dict[str, list[Found]]:
    """What each rule finds, by its name."""
    found, added = dict[str, list[Found]](), RULES.added()
    for name in RULES:
        rule = RULES.get(name)
        if rule.needs_data and net.data is None:
            continue
        try:
            found[name] = list(rule().look(net))
        except Exception as error:
            if name not in added:
                raise
            words = f"check rule {name} fails on this network: {type(error).__name__}: {error}"
            raise PluginError(f"{shown(added[name])}: {words}") from error
    return found


class _Work:
    """One network: what was found in it, and the trials of remedies."""

    def __init__(self, config: Config, tree: Tree, facts: DataFacts | None, overrides: Overrides) -> None:
        self._config, self._tree, self._facts = config, tree, facts
        self._again = Overrides(backends=overrides.backends)
        self._net = Architecture(config, facts)
        self._found = found_in(self._net)
        self._expanded: dict[str, Any] = {}

    def findings(self) -> Iterator[Finding]:
        """In the order of the network; those about sections come last."""
        order = {id(node.layer): number for number, node in enumerate(self._net.nodes)}
        groups = list(self._groups())
        groups.sort(key=lambda group: order.get(id(group[1][0].at), len(order)))
        for name, group in groups:
            yield replace(self._finding(name, group), remedy=self._remedy(name, group))

    def _groups(self) -> Iterator[_Group]:
        for name, found in self._found.items():
            places: dict[Any, list[Found]] = {}
            for one in found:
                key = one.at.config.written_at or one.at.where if isinstance(one.at, Layer) else one.at
                places.setdefault(key, []).append(one)
            yield from ((name, group) for group in places.values())

    def _finding(self, name: str, group: Sequence[Found]) -> Finding:
        first, added = group[0], RULES.added()
        if isinstance(first.at, Layer):
            where, layer = first.at.where, first.at.path
        else:
            place = self._tree.place(first.at) if any(first.at == path for path in self._tree.values) else None
            where, layer = ": ".join(str(part) for part in (place, key_path(first.at)) if part), ""
        link = shown(added[name]) if name in added else f"{PAGE}#{name}"
        limit = RULES.get(name).limit
        return Finding(name, first.value, limit, first.sentence, where, layer, link, others=len(group) - 1)

    def _remedy(self, name: str, group: Sequence[Found]) -> Remedy | None:
        """The first remedy that silences these and causes nothing new: in the file, else in the network written out.

        Where there is none, the first that silences these, with the names of the rules that then find something.
        """
        first = self._tried(name, group, self._tree.root, False)
        if first and not first.causes:
            return first
        if not self._expanded:
            layers = written_out(self._config.layers)
            self._expanded = self._config.model_copy(update={"layers": layers}).to_mapping()
        net = Architecture(load_config(self._expanded), self._facts)
        paths = {one.at.path if isinstance(one.at, Layer) else one.at for one in group}
        again = [one for one in found_in(net)[name] if (one.at.path if isinstance(one.at, Layer) else one.at) in paths]
        second = self._tried(name, again, self._expanded, True)
        return second if second and not (first and second.causes) else first

    def _tried(self, name: str, group: Sequence[Found], root: Mapping[str, Any], expanded: bool) -> Remedy | None:
        before = {rule: len(found) for rule, found in self._found.items()}
        other: Remedy | None = None
        for changes in zip(*(one.remedies for one in group), strict=False):
            try:
                remedy = Remedy(edits_of((change for each in changes for change in each), root), expanded)
                changed = load_config(remedy.apply(root), self._again)
                now = found_in(Architecture(changed, self._facts))
            except (UnfitChangeError, NbcnnError):
                continue
            if len(now[name]) > before[name] - len(group):
                continue
            causes = tuple(rule for rule, found in now.items() if len(found) > before[rule])
            if not causes:
                return remedy
            other = other or remedy._replace(causes=causes)
        return other


def _facts(config: Config, tree: Tree, overrides: Overrides) -> DataFacts | None:
    """Those of the data set that was asked for, or that the config names, where it is on this machine.

    An input that an option has changed is meant for other images than those of the file.
    """
    data, written = config.data, tree.root.get("data") or {}
    if overrides.data is None:
        if not any(written.get(key) for key in ("name", "folder")):
            return None
        if any(place.rank for path, place in tree.values.items() if path[0:1] == ("input",)):
            return None
        if data.folder is not None and not expanded(data.folder).is_dir():
            return None
        if data.folder is None and not (data.name and _is_here(data.name, data.data_dir)):
            return None
    return facts_of(read_dataset(data))


def _is_here(name: str, data_dir: str | None) -> bool:
    return data_source(name).locate(expanded(data_dir) if data_dir is not None else None) is not None
