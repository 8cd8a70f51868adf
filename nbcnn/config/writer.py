"""YAML output of plain values: sections as blocks, one layer a line, arguments in braces."""

from __future__ import annotations

import re
from typing import Any

import yaml

from nbcnn.errors import printable

_WIDTH = 110
"""A section longer than this gets a line for each key; a layer keeps its one line."""
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*")
_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


def to_yaml(config: dict[str, Any]) -> str:
    """The YAML of a config's mapping; reading it gives the same values, to the bit."""
    return "\n".join(line for key, value in config.items() for line in _entry(f"{key}:", value, 0)) + "\n"


def _entry(head: str, value: Any, indent: int) -> list[str]:
    """``head`` (a key or a dash, with what precedes it) and its value: on one line if that is tidy, else below it."""
    line = f"{' ' * indent}{head} {_flow(value)}"
    section = indent == 0 and isinstance(value, dict)
    if not _holds_layers(value) and (len(line) <= _WIDTH or not section):
        return [line]
    lines = [f"{' ' * indent}{head}"]
    if isinstance(value, dict):
        return lines + [line for key, v in value.items() for line in _entry(f"{_flow(key)}:", v, indent + 2)]
    for item in value:
        if isinstance(item, dict) and len(item) == 1:
            ((kind, arguments),) = item.items()
            if arguments == {}:
                lines.append(f"{' ' * indent}  - {_flow(kind)}")
                continue
            first, *rest = _entry(f"{_flow(kind)}:", arguments, indent + 4)
            lines += [f"{' ' * indent}  - {first.lstrip()}", *rest]
        else:
            lines += _entry("-", item, indent + 2)
    return lines


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
