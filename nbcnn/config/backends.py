"""The backend of each layer, from options, the layer and the network: the most specific setting counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nbcnn.config.problems import Problem
from nbcnn.config.schema import Config
from nbcnn.config.tree import Place
from nbcnn.kernels.registry import DEFAULT, choices, op_names
from nbcnn.layers.base import LAYERS, LayerConfig
from nbcnn.layers.entries import kind_of
from nbcnn.plugins import remedy
from nbcnn.util.suggestions import nearest


def choose_backends(config: Config | None, options: tuple[str, ...]) -> tuple[Config | None, list[Problem]]:
    """The config with a backend on every layer that has kernels, and what is wrong with the ``op=name`` options.

    An option counts before the layer's own ``backend``, that before the network's ``backends``, that before
    ``direct``. Without a config (it did not validate) only the options are checked.
    """
    used = sorted(set(_ops(config.layers))) if config else op_names()
    chosen: dict[str, str] = {}
    problems = []
    for index, option in enumerate(options):
        op, equals, name = (part.strip() for part in option.partition("="))
        if not (op and equals and name):
            sentence = "expected OP=NAME, for instance --backend conv2d=im2col"
        elif op not in op_names():
            sentence = f"unknown op {op!r}; {nearest(op, op_names())}"
        elif name not in choices(op):
            sentence = f"unknown backend {name!r} for {op}; {remedy(name, choices(op))}"
        elif op not in used:
            sentence = f"no layer of this network uses {op}; it uses {', '.join(used) or 'no kernels'}"
        else:
            chosen[op] = name
            continue
        # A rank above that of every other option, for these are reported last.
        problems.append(Problem(Place(10**6 + index, 0, 0, f"--backend {option}"), (), sentence))
    if config is None or problems:
        return config, problems
    network = {**config.backends, **chosen}
    layers = tuple(_with_backend(layer, chosen, network) for layer in config.layers)
    return config.model_copy(update={"layers": layers, "backends": network}), []


def replaced_ops(options: Iterable[str]) -> set[str]:
    """The ops whose backends the ``op=name`` options choose, whatever else is said of them."""
    pairs = [[part.strip() for part in option.partition("=")] for option in options]
    return {op for op, _, name in pairs if op in op_names() and name in choices(op)}


def _with_backend(value: Any, chosen: Mapping[str, str], network: Mapping[str, str]) -> Any:
    """A layer's config, or a tuple that may hold such, with the backends filled in."""
    if isinstance(value, tuple):
        return tuple(_with_backend(item, chosen, network) for item in value)
    if not isinstance(value, LayerConfig):
        return value
    op = LAYERS.get(kind_of(value)).op
    update = {name: _with_backend(item, chosen, network) for name, item in value if isinstance(item, tuple)}
    if op is not None and "backend" in type(value).model_fields:
        own = getattr(value, "backend", None)
        update["backend"] = chosen.get(op) or own or network.get(op, DEFAULT)
    return value.model_copy(update=update)


def _ops(value: Any) -> Iterator[str]:
    """The ops of all layers inside a value."""
    if isinstance(value, tuple):
        for item in value:
            yield from _ops(item)
    elif isinstance(value, LayerConfig):
        op = LAYERS.get(kind_of(value)).op
        if op is not None:
            yield op
        for _, item in value:
            yield from _ops(item)
