"""Hints for a config entry that should name a layer, an optimizer or a schedule, and does not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nbcnn.plugins import remedy

if TYPE_CHECKING:
    from nbcnn.util.registry import Registry

_EXAMPLES = {
    "layer": ("conv2d", "kernel_size: 5"),
    "optimizer": ("sgd", "lr: 0.1"),
    "schedule": ("cosine", "T_max: 10"),
}
_SOFTMAX = ("softmax", "logsoftmax", "log_softmax")


def one_level_deeper(kind: str, value: Mapping[Any, Any]) -> str:
    """How to write a mapping of several keys: the name outside, the arguments inside."""
    name = next((value[key] for key in ("type", "name", "kind", "class") if isinstance(value.get(key), str)), None)
    others = [str(key) for key in value if value[key] is not name]
    if name is not None and others:
        return f"the name is the key and arguments stand below it, as in {name}: {{{others[0]}: ...}}"
    example, argument = _EXAMPLES.get(kind, ("name", "key: value"))
    return f"arguments go one level deeper than the name, as in {example}: {{{argument}}}"


def unknown_entry(registry: Registry[Any], name: str) -> str:
    """The hint for an unknown name: text that YAML joined, an argument without its layer, another spelling."""
    if registry.kind == "layer" and name.lower() in _SOFTMAX:
        return "the loss contains softmax already; end with linear"
    if registry.kind == "layer" and name.lower() == "activation":
        return "write the function itself as a layer: - relu, - sigmoid or - tanh"
    if registry.kind == "layer" and name == "Dense":
        return "did you mean linear? (dense is the block of a DenseNet)"
    if words := _entries_in_one(name):
        return words
    base, colon, rest = name.partition(":")
    if colon and rest and base in registry:
        return f"put a space after the colon, as in {base}: {rest}"
    owners = [one for one in registry if name in registry.get(one).Config.model_fields]
    if owners:
        example = _EXAMPLES.get(registry.kind, ("",))[0]
        owner = example if example in owners else owners[0]
        return f"it is an argument; write the {registry.kind} first, as in {owner}: {{{name}: ...}}"
    return remedy(name, registry)


def _entries_in_one(name: str) -> str | None:
    """Two entries of a list that YAML joined to one text, ``relu - flatten``: the second is indented further."""
    first, dash, rest = name.partition(" - ")
    if not dash or not re.fullmatch(r"\w+", first):
        return None
    second = rest.split(" - ")[0]
    return f"'- {second}' is indented further than '- {first}' above it; entries of one list must line up"
