"""The backends of each op: a registry by name, checks, choice.

A folder beside this file is an op, a file in it is a backend; plugins add to both.

Names are known without importing anything; a backend's module, and Numba with it, is imported when it is used.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from functools import cache
from types import FrameType
from typing import Any, ClassVar, NamedTuple, TypeVar

from nbcnn.errors import KernelError, shown
from nbcnn.kernels import contract_check
from nbcnn.kernels.contract import Backend
from nbcnn.kernels.cost import Cost, formula_cost
from nbcnn.kernels.ops import OPS, built_in
from nbcnn.util.backend_names import unfit, without_op
from nbcnn.util.registry import Registry, name_of
from nbcnn.util.suggestions import nearest

DEFAULT = "direct"
"""The backend that every op has and that is used when nothing else is said."""

AUTO = "auto"
"""Stands for the fastest backend, found by timing (autotune/auto.py); no backend may have this name."""

MOST_ERROR = 0.01
"""The largest error bound that a backend may state (``tolerance``): more would let mistakes through, not rounding. What
it is held against: a plain float32 sum of n products has n·2⁻²⁴, 0.001 for the weights' gradient of a 32×32 image."""

BACKEND_OF = "backend of "
"""The kind of a registration as its registry has it: ``backend of conv2d``."""

T = TypeVar("T", bound=type)


class Backends(Registry[type[Backend]]):
    """The backends of one op."""

    by_op: ClassVar[dict[str, Backends]] = {}

    def __init__(self, op: str) -> None:
        folder = f"{__package__}.{op}"
        modules = {name: f"{folder}.{name}" for name in built_in().get(op, ())}
        super().__init__(f"{BACKEND_OF}{op}", folder, KernelError, modules=modules)
        self.op = op
        self.by_op[op] = self

    def add(self, thing: type[Backend], name: str | None, caller: FrameType) -> type[Backend]:
        if name_of(caller, name) == AUTO:
            raise KernelError(
                f"{shown(caller.f_code.co_filename)}: no backend may be called {AUTO}; choose another name"
            )
        return super().add(thing, name, caller)

    def unfit(self, name: str) -> str | None:
        return unfit(self.op, name, op_names())

    def title(self, name: str) -> str:
        return f"backend {name} of {self.op}"

    def forget(self, name: str) -> None:
        """Take back a registration; networks that are built keep their kernels."""
        super().forget(name)
        backend.cache_clear()
        prepare.cache_clear()
        prepare_single.cache_clear()


def backends(op: str) -> Backends:
    """The registry of an op's backends, which is empty where there is no such op."""
    return Backends.by_op[op] if op in Backends.by_op else Backends(op)


def register(op: str, name: str | None = None) -> Callable[[T], T]:
    """Decorate a backend class for ``op``; its name is its file's name unless one is given.

    Raises KernelError for a name that is taken, and says which files have it; for a name that nobody could type; and
    for an op that is nearly one of nbcnn's. Another op than those is added by naming it.
    """
    if not hasattr(op, "isidentifier"):  # the class, where the parentheses are missing
        raise KernelError(without_op(op))
    return lambda kind: backends(op).add(kind, name, sys._getframe(1))  # type: ignore[return-value]


def file_of(op: str, name: str) -> str | None:
    """The file of a backend that is not built in; None for those that are."""
    return backends(op).added().get(name)


def op_names() -> list[str]:
    """All ops, sorted."""
    return sorted({*OPS, *(op for op, known in Backends.by_op.items() if known.names())})


def backend_names(op: str) -> list[str]:
    """The backends of an op, sorted; raises KernelError for an unknown op."""
    if op not in op_names():
        raise KernelError(f"unknown op {op!r}: {nearest(op, op_names())}")
    return backends(op).names()


def choices(op: str) -> list[str]:
    """The values of a config for an op: its backends and ``auto``, sorted; raises KernelError for an unknown op."""
    return sorted([*backend_names(op), AUTO])


@cache
def backend(op: str, name: str = DEFAULT) -> Backend:
    """The backend ``name`` of ``op``, imported on demand; raises KernelError with the nearest known name."""
    if name not in backend_names(op):
        raise KernelError(
            f"unknown backend {name!r} for {op}: {nearest(name, backend_names(op))}; "
            'one of a plugin\'s is known once that is loaded: nbcnn.load_plugin("FILE")'
        )
    if not inspect.isclass(backends(op).get(name)):
        contract_check.check_class(backends(op).get(name))
    return backends(op).get(name)()


def describe(op: str, name: str) -> str:
    """The first line of a backend's docstring."""
    return (inspect.getdoc(type(backend(op, name))) or "").partition("\n")[0]


def cost(problem: Any, name: str = DEFAULT) -> Cost:
    """The multiplications and bytes of a backend on a problem that it takes."""
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


def scratch(problem: Any, name: str = DEFAULT) -> int:
    """How many numbers of scratch a backend needs, asked before anything is built; 0 where it can't do the problem."""
    chosen = backend(problem.op, name)
    return 0 if contract_check.refusal(chosen, problem) is not None else contract_check.scratch(chosen, problem)


def refusals(problem: Any, names: Iterable[str] | None = None) -> dict[str, str]:
    """Those of the backends, or of all there are, that can't do a problem, each with its own reason."""
    names = backend_names(problem.op) if names is None else names
    reasons = {name: contract_check.refusal(backend(problem.op, name), problem) for name in names}
    return {name: reason for name, reason in reasons.items() if reason is not None}


@cache
def prepare(problem: Any, name: str = DEFAULT) -> Prepared:
    """Check and build. Raises KernelError with the backend's own reason where it can't do the problem."""
    chosen = backend(problem.op, name)
    reason = contract_check.refusal(chosen, problem)
    if reason is not None:
        refused = refusals(problem)
        others = [other for other in backend_names(problem.op) if other not in refused]
        hint = f"; these can: {', '.join(others)}" if others else "; no known backend can"
        raise KernelError(f"backend {name} can't do this {problem.op}: {reason}{hint}")
    return Prepared(contract_check.kernels(chosen, problem), contract_check.scratch(chosen, problem))


@cache
def prepare_single(problem: Any, name: str = DEFAULT) -> Prepared | None:
    """The forward pass of one image, for a problem that ``prepare`` takes; None where the backend has none."""
    built = contract_check.one_image(backend(problem.op, name), problem)
    return built and Prepared(built, built.workspace)
