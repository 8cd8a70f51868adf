"""Find, check and choose backends. A folder beside this file is an op, a file in it is a backend; plugins add to both.

Names are known without importing anything; a backend's module, and Numba with it, is imported when it is used.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from nbcnn.errors import KernelError, shown
from nbcnn.kernels import contract_check
from nbcnn.kernels.contract import Backend
from nbcnn.kernels.cost import Cost, formula_cost
from nbcnn.kernels.ops import OPS, built_in
from nbcnn.util.backend_names import unfit, without_op
from nbcnn.util.suggestions import nearest

DEFAULT = "direct"
"""The backend that every op has and that is used when nothing else is said."""

AUTO = "auto"
"""Not a backend but the word for the fastest one, found by timing (autotune/auto.py); no backend may be called so."""

MOST_ERROR = 0.01
"""The largest error bound that a backend may state (``tolerance``): more would let mistakes through, not rounding. What
it is held against: a plain float32 sum of n products has n·2⁻²⁴, 0.001 for the weights' gradient of a 32×32 image."""

T = TypeVar("T")

_registered: dict[tuple[str, str], type[Backend]] = {}
_files: dict[tuple[str, str], str] = {}
"""Where each is registered."""


def register(op: str, name: str | None = None) -> Callable[[type[T]], type[T]]:
    """Decorate a backend class for ``op``; its name is its file's name unless one is given.

    Raises KernelError for a name that is taken, and says which files have it; for a name that nobody could type; and
    for an op that is nearly one of nbcnn's. Another op than those is added by naming it.
    """
    if not hasattr(op, "isidentifier"):  # the class, where the parentheses are missing
        raise KernelError(without_op(op))

    def keep(backend: type[T]) -> type[T]:
        caller = sys._getframe(1)
        module, file = str(caller.f_globals.get("__name__")), caller.f_code.co_filename
        called = name or module.rpartition(".")[2]
        if called == AUTO:
            raise KernelError(f"{shown(file)}: no backend may be called {AUTO}; choose another name")
        if reason := unfit(op, called, op_names()):
            raise KernelError(f"{shown(file)}:{caller.f_lineno}: {reason}")
        own = called in built_in().get(op, ())  # it may not have been imported yet
        if (op, called) in _registered or (own and module != f"{__package__}.{op}.{called}"):
            first = Path(__file__).parent / op / f"{called}.py" if own else _files[op, called]
            raise KernelError(
                f"backend {called} of {op} is defined twice: in {shown(first)} and in {shown(file)}; rename the latter"
            )
        _registered[op, called], _files[op, called] = backend, file  # type: ignore[assignment]
        return backend

    return keep


def built_in_ops() -> list[str]:
    """The ops that come with nbcnn."""
    return list(built_in())


def added() -> dict[tuple[str, str], type[Backend]]:
    """The backends that are not built in, by (op, name)."""
    return {key: kind for key, kind in _registered.items() if key[1] not in built_in().get(key[0], ())}


def file_of(op: str, name: str) -> str | None:
    """The file of a backend that is not built in; None for those that are."""
    return _files.get((op, name)) if (op, name) in added() else None


def forget(op: str, name: str) -> None:
    """Take back a registration; networks that are built keep their kernels."""
    del _registered[op, name]
    backend.cache_clear()
    prepare.cache_clear()
    prepare_single.cache_clear()


def op_names() -> list[str]:
    """All ops, sorted."""
    return sorted({*built_in(), *(op for op, _ in _registered), *OPS.added()})


def backend_names(op: str) -> list[str]:
    """The backends of an op, sorted; raises KernelError for an unknown op."""
    if op not in op_names():
        raise KernelError(f"unknown op {op!r}: {nearest(op, op_names())}")
    return sorted({*built_in().get(op, ()), *(name for known, name in _registered if known == op)})


def choices(op: str) -> list[str]:
    """What a config may say for an op: its backends and ``auto``, sorted; raises KernelError for an unknown op."""
    return sorted([*backend_names(op), AUTO])


@cache
def backend(op: str, name: str = DEFAULT) -> Backend:
    """The backend ``name`` of ``op``, imported on demand; raises KernelError with the nearest known name."""
    if name not in backend_names(op):
        raise KernelError(
            f"unknown backend {name!r} for {op}: {nearest(name, backend_names(op))}; "
            'one of a plugin\'s is known once that is loaded: nbcnn.load_plugin("FILE")'
        )
    if (op, name) not in _registered:
        importlib.import_module(f"{__package__}.{op}.{name}")
    if not inspect.isclass(_registered[op, name]):
        contract_check.check_class(_registered[op, name])
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


def refusals(problem: Any, names: Iterable[str]) -> dict[str, str]:
    """Those of the backends that can't do the problem, and why."""
    reasons = {name: contract_check.refusal(backend(problem.op, name), problem) for name in names}
    return {name: reason for name, reason in reasons.items() if reason is not None}


class Prepared(NamedTuple):
    """A backend's kernels for one problem, and the scratch that they need."""

    kernels: Any
    workspace: int


def scratch(problem: Any, name: str = DEFAULT) -> int:
    """How many numbers of scratch a backend needs, asked before anything is built; 0 where it can't do the problem."""
    chosen = backend(problem.op, name)
    return 0 if contract_check.refusal(chosen, problem) is not None else contract_check.scratch(chosen, problem)


@cache
def prepare(problem: Any, name: str = DEFAULT) -> Prepared:
    """Check and build. Raises KernelError with the backend's own reason where it can't do the problem."""
    chosen = backend(problem.op, name)
    reason = contract_check.refusal(chosen, problem)
    if reason is not None:
        names = [other for other in backend_names(problem.op) if other != name]
        refused = refusals(problem, names)
        others = [other for other in names if other not in refused]
        hint = f"; these can: {', '.join(others)}" if others else "; no known backend can"
        raise KernelError(f"backend {name} can't do this {problem.op}: {reason}{hint}")
    return Prepared(contract_check.kernels(chosen, problem), contract_check.scratch(chosen, problem))


@cache
def prepare_single(problem: Any, name: str = DEFAULT) -> Prepared | None:
    """The forward pass of one image, for a problem that ``prepare`` takes; None where the backend has none."""
    built = contract_check.one_image(backend(problem.op, name), problem)
    return built and Prepared(built, built.workspace)
