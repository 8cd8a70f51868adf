"""YAML output of plain values: sections as blocks, one layer a line, arguments in braces."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from nbcnn.config.tree import KeyPath
from nbcnn.errors import printable

_WIDTH = 110
"""A section longer than this gets a line for each key; a layer keeps its one line."""
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*")
_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


def to_yaml(config: dict[str, Any], comments: Mapping[KeyPath, str] | None = None) -> str:
    """The YAML of a config's mapping; reading it gives the same values, to the bit.

    ``comments`` end the lines on which the values at these paths begin: a key's, or an entry's of a list of layers.
    """
    writer = _Writer(comments or {})
    return "\n".join(line for key, value in config.items() for line in writer.entry(f"{key}:", value, 0, (key,))) + "\n"


class _Writer:
    def __init__(self, comments: Mapping[KeyPath, str]) -> None:
        self._comments = comments

    def entry(self, head: str, value: Any, indent: int, path: KeyPath) -> list[str]:
        """``head`` (a key or a dash, with what precedes it) and its value: on one line if that is tidy, else below."""
        line = f"{' ' * indent}{head} {_flow(value)}"
        section = indent == 0 and isinstance(value, dict)
        if not _holds_layers(value) and (len(line) <= _WIDTH or not section):
            return [self._commented(line, path)]
        lines = [self._commented(f"{' ' * indent}{head}", path)]
        if isinstance(value, dict):
            for key, item in value.items():
                lines += self.entry(f"{_flow(key)}:", item, indent + 2, (*path, key))
            return lines
        for index, item in enumerate(value):
            lines += self._item(item, indent + 2, (*path, index))
        return lines

    def _item(self, item: Any, indent: int, path: KeyPath) -> list[str]:
        """An entry of a list: a layer's name with its arguments, as a rule."""
        if not (isinstance(item, dict) and len(item) == 1):
            return self.entry("-", item, indent, path)
        ((kind, arguments),) = item.items()
        if arguments == {}:
            return [self._commented(f"{' ' * indent}- {_flow(kind)}", path)]
        first, *rest = self.entry(f"{_flow(kind)}:", arguments, indent + 2, (*path, kind))
        return [self._commented(f"{' ' * indent}- {first.lstrip()}", path), *rest]

    def _commented(self, line: str, path: KeyPath) -> str:
        return f"{line}  # {self._comments[path]}" if path in self._comments else line


def _holds_layers(value: Any) -> bool:
    """Whether somewhere inside is a list of mappings, which is what layers are."""
    if isinstance(value, dict):
        return any(_holds_layers(v) for v in value.values())
    return isinstance(value, list) and any(isinstance(v, (dict, list)) for v in value)


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(v) for v in value) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if not isinstance(value, str):
        return repr(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    quoted: str = yaml.dump(value, default_style='"', allow_unicode=True, width=10**9)
    return printable(quoted.rstrip("\n"))  # YAML leaves marks that turn the direction of writing as they are
