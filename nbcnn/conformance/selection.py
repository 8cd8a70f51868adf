"""Selection of the backends to check: a backend, ``op=backend``, an op, a plugin's file, or all."""

from __future__ import annotations

from pathlib import Path

from nbcnn.errors import KernelError
from nbcnn.kernels import registry
from nbcnn.plugins import load_plugin, remedy
from nbcnn.util.suggestions import nearest

Chosen = list[tuple[str, str]]


def chosen(what: str | None, op: str | None = None) -> Chosen:
    """Pairs of op and backend, sorted, of one op alone where that is asked for.

    A plugin's file is loaded first. Raises KernelError, and PluginError where a file can't be loaded.
    """
    if op is not None and op not in registry.op_names():
        raise KernelError(f"unknown op {op!r}: {nearest(op, registry.op_names())}")
    found = [pair for pair in _meant(what) if op in (None, pair[0])]
    if not found:
        raise KernelError(f"{what} has nothing to check for {op}; leave out --op, or choose another")
    return found


def _meant(what: str | None) -> Chosen:
    ops = registry.op_names()
    everything = [(op, name) for op in ops for name in registry.backend_names(op)]
    if what is None:
        return everything
    if what in ops:
        return [pair for pair in everything if pair[0] == what]
    if what.endswith(".py") or Path(what).is_file():
        return _of_file(what)
    op, equals, name = what.partition("=")
    if equals:
        known = registry.backend_names(op)  # raises with the nearest name
        if name not in known:
            raise KernelError(f"unknown backend {name!r} for {op}: {remedy(name, known)}")
        return [(op, name)]
    found = [pair for pair in everything if pair[1] == what]
    if not found:
        names = {*ops, *(name for _, name in everything)}
        raise KernelError(f"unknown backend or op {what!r}: {remedy(what, names)}")
    return found


def _of_file(what: str) -> Chosen:
    """The backends that a plugin's file registers."""
    found = sorted(load_plugin(what).backends)
    if not found:
        raise KernelError(f"{what} registers no backend: nothing to check")
    return found
