"""Find, check and choose backends. A folder beside this file is an op, a file in it is a backend; plugins add to both.

Names are known without importing anything; a backend's module, and Numba with it, is imported when it is used.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from nbcnn.errors import KernelError, nearest
from nbcnn.kernels.contract import Backend
from nbcnn.kernels.cost import Cost, formula_cost

DEFAULT = "direct"
"""The backend that every op has and that is used when nothing else is said."""

AUTO = "auto"
"""Not a backend but the word for the fastest one, found by timing (nbcnn/auto.py); no backend may be called so."""

T = TypeVar("T")

_registered: dict[tuple[str, str], type[Backend]] = {}


@cache
def _built_in() -> dict[str, tuple[str, ...]]:
    """Ops and the names of their built-in backends, from the folders beside this file."""
    here = Path(__file__).parent
    return {
        folder.name: tuple(
            module.name for module in pkgutil.iter_modules([str(here / folder.name)]) if module.name[0] != "_"
        )
        for folder in pkgutil.iter_modules([str(here)])
        if folder.ispkg
    }


def register(op: str, name: str | None = None) -> Callable[[type[T]], type[T]]:
    """Decorate a backend class for ``op``; its name is its file's name unless one is given."""

    def keep(backend: type[T]) -> type[T]:
        called = name or backend.__module__.rpartition(".")[2]
        if called == AUTO:
            raise KernelError(f"{inspect.getfile(backend)}: no backend may be called {AUTO}; choose another name")
        if (op, called) in _registered:
            first, second = inspect.getfile(_registered[op, called]), inspect.getfile(backend)
            raise KernelError(f"backend {called} of {op} is defined twice: in {first} and in {second}; rename one")
        _registered[op, called] = backend  # type: ignore[assignment]
        return backend

    return keep


def op_names() -> list[str]:
    """All ops, sorted."""
    return sorted({*_built_in(), *(op for op, _ in _registered)})


def backend_names(op: str) -> list[str]:
    """The backends of an op, sorted; raises KernelError for an unknown op."""
    if op not in op_names():
        raise KernelError(f"unknown op {op!r}: {nearest(op, op_names())}")
    return sorted({*_built_in().get(op, ()), *(name for known, name in _registered if known == op)})


def choices(op: str) -> list[str]:
    """What a config may say for an op: its backends and ``auto``, sorted; raises KernelError for an unknown op."""
    return sorted([*backend_names(op), AUTO])


@cache
def backend(op: str, name: str = DEFAULT) -> Backend:
    """The backend ``name`` of ``op``, imported on demand; raises KernelError with the nearest known name."""
    if name not in backend_names(op):
        raise KernelError(f"unknown backend {name!r} for {op}: {nearest(name, backend_names(op))}")
    if (op, name) not in _registered:
        importlib.import_module(f"{__package__}.{op}.{name}")
    return _registered[op, name]()


def describe(op: str, name: str) -> str:
    """The first line of a backend's docstring."""
    return (inspect.getdoc(type(backend(op, name))) or "").partition("\n")[0]


def cost(problem: Any, name: str = DEFAULT) -> Cost:
    """What a backend really does for a problem that it takes."""
    chosen = backend(problem.op, name)
    found: Cost = getattr(chosen, "cost", formula_cost)(problem)
    return found


def tolerance(problem: Any, name: str = DEFAULT) -> float:
    """A backend's error bound, as contract.Backend has it; 0 for one that is exact on small whole numbers."""
    stated = getattr(backend(problem.op, name), "tolerance", None)
    return float(stated(problem)) if stated else 0.0


class Prepared(NamedTuple):
    """A backend's kernels for one problem, and the scratch that they need."""

    kernels: Any
    workspace: int


@cache
def prepare(problem: Any, name: str = DEFAULT) -> Prepared:
    """Check and build. Raises KernelError with the backend's own reason where it can't do the problem."""
    chosen = backend(problem.op, name)
    reason = chosen.supports(problem)
    if reason is not None:
        others = [
            n for n in backend_names(problem.op) if n != name and backend(problem.op, n).supports(problem) is None
        ]
        hint = f"; these can: {', '.join(others)}" if others else "; no known backend can"
        raise KernelError(f"backend {name} can't do this {problem.op}: {reason}{hint}")
    kernels = chosen.build(problem)
    if not isinstance(kernels, problem.kernels):
        raise KernelError(
            f"backend {name} of {problem.op} ({inspect.getfile(type(chosen))}): build() must return "
            f"{problem.kernels.__name__}({', '.join(problem.kernels._fields)}), got {type(kernels).__name__}"
        )
    return Prepared(kernels, chosen.workspace(problem))
