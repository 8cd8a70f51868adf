"""Runs of a backend's kernels for one problem, on guarded arrays and with scratch of the exact size."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from nbcnn.conformance.formatting import described
from nbcnn.conformance.grid import Case
from nbcnn.conformance.guarded_arrays import GuardedArrays, holds
from nbcnn.conformance.signatures import Array, Arrays, calls, dtype, shape
from nbcnn.kernels.contract import Backend, Signature
from nbcnn.kernels.contract_check import MOST_SCRATCH
from nbcnn.plugins.kernel_calls import recursion
from nbcnn.util import activity

Fill = Callable[[str, Array], None]
"""Prepares an array that a kernel is going to write, or its scratch (``scratch``), before the call."""


class BrokenError(Exception):
    """A backend broke the contract; the sentence says how."""


class KernelRunner:
    """A backend's kernels for a problem. Raises BrokenError where build() or workspace() breaks the contract."""

    def __init__(self, backend: Backend, problem: Any) -> None:
        self.backend, self.problem = backend, problem
        if activity.is_watched():
            activity.tell(problem=described(Case(problem)))
        self.kernels = _called("build", backend.build, problem)
        kind = problem.kernels
        if not isinstance(self.kernels, kind):
            wanted = f"{kind.__name__}({', '.join(kind._fields)})"
            raise BrokenError(f"build() must return {wanted}, got {_named(self.kernels)}")
        for name, kernel in zip(kind._fields, self.kernels, strict=True):
            if not callable(kernel):
                raise BrokenError(f"build() must return kernels that can be called; {name} is {_named(kernel)}")
        self.workspace = _called("workspace", backend.workspace, problem)
        if isinstance(self.workspace, bool) or not isinstance(self.workspace, int | np.integer) or self.workspace < 0:
            raise BrokenError(f"workspace() must return a whole number, 0 or more, got {self.workspace!r}")
        if self.workspace > MOST_SCRATCH:
            raise BrokenError(f"workspace() must return at most {MOST_SCRATCH:,} numbers, got {self.workspace:,}")
        if activity.is_watched():
            activity.tell(recursion=next(filter(None, map(recursion, self.kernels)), ""))

    def run(
        self, inputs: Arrays, only: Iterable[str] | None = None, backwards: bool = False, fill: Fill | None = None
    ) -> Ran:
        """All arrays that the kernels write, or those of the kernels that are named.

        ``backwards`` runs the kernels in reverse order, each in the scratch that another one has left.
        """
        fence, out, notes = GuardedArrays(), {}, []
        held = {name: fence.input(name, array) for name, array in inputs.items()}
        scratch = fence.output("scratch", (int(self.workspace),), self.problem.dtype, "scratch")
        if fill:
            fill("scratch", scratch)
        wanted = [call for call in calls(self.problem) if only is None or call.kernel in only]
        with np.errstate(all="ignore"):
            for call in reversed(wanted) if backwards else wanted:
                read = [held[name] if name in held else self._y(fence, held, scratch) for name in call.reads]
                written = [
                    fence.output(name, shape(self.problem, name), dtype(self.problem, name)) for name in call.writes
                ]
                for name, array in zip(call.writes, written, strict=True):
                    if fill:
                        fill(name, array)
                    out[name] = array
                given_back = self.call(call, read, written, scratch)
                if given_back is not None:
                    notes.append(
                        f"{call.kernel} returned {_named(given_back)}; a kernel writes into the arrays that it is "
                        "given and returns nothing"
                    )
        return Ran(out, fence.breaches(), notes)

    def call(self, call: Signature, read: list[Array], written: list[Array], scratch: Array) -> object:
        """One kernel; whatever it raises becomes a BrokenError."""
        return _called(call.kernel, getattr(self.kernels, call.kernel), *read, *written, scratch)

    def _y(self, fence: GuardedArrays, held: Arrays, scratch: Array) -> Array:
        """The output that grad_input takes: of a forward pass of its own."""
        y = np.empty(shape(self.problem, "y"), self.problem.dtype)
        self.call(calls(self.problem)[0], [held["x"]], [y], scratch)
        held["y"] = fence.input("y", y)
        return held["y"]


class Ran(NamedTuple):
    """The results of a run: output arrays, breaches of the contract, notes."""

    out: Arrays
    breaches: list[str]
    """sentences on what was written outside of the outputs"""
    notes: list[str]
    """sentences on kernels that return something"""

    def unwritten(self) -> dict[str, tuple[str, Array]]:
        """For outputs that hold something from before or elsewhere: a sentence, and where."""
        found = {}
        for name, array in self.out.items():
            for kind, words in STRANGE.items():
                where = holds(array, kind)
                if where.any():
                    found[name] = (f"{name} {words.format('at all' if where.all() else 'everywhere')}", where)
                    break
        return found


STRANGE = {
    "margin": "holds what lies outside of the arrays: something is read out of bounds",
    "scratch": "holds what was in the scratch before",
    "output": "is not written {}",
}
"""The meaning of an output that holds bits of the margins."""


def _called(what: str, function: Callable[..., Any], *arguments: Any) -> Any:
    activity.tell(now=what)
    try:
        return function(*arguments)
    except (Exception, SystemExit) as error:
        raise BrokenError(f"{what} raised {type(error).__name__}: {_sentence(error)}") from error


def _sentence(error: BaseException) -> str:
    """An error's message in one line: of Numba's pages the most useful sentences."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    useful = [
        line for line in lines if not line.startswith(("Failed in nopython", "During:", "^", ">>>", "This error"))
    ]
    places = [line for line in lines if line.startswith('File "')]
    text = " ".join(dict.fromkeys([*useful[:2], *places[-1:]])) or "it says nothing"
    return text if len(text) <= 300 else text[:297] + "..."


def _named(thing: object) -> str:
    """The kind of an object, for a message."""
    if isinstance(thing, np.ndarray):
        return f"an array of shape {thing.shape}"
    if isinstance(thing, tuple):
        return f"a tuple of {len(thing)}"
    return "None" if thing is None else f"a {type(thing).__name__}"
