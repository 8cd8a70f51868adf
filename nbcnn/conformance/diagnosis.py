"""Diagnosis of wrong results: a known mistake that gives them, where they lie, what they depend on.

A hint is only given where it accounts for every wrong number: results that equal those of a known mistake, wrong
numbers that all lie in one place, results that change with what they must not depend on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nbcnn.conformance.error_bounds import compare
from nbcnn.conformance.known_mistakes import mistakes
from nbcnn.conformance.runner import BrokenError, KernelRunner
from nbcnn.conformance.signatures import Array, Arrays


def cause(rig: KernelRunner, inputs: Arrays, name: str, got: Array, wanted: Array, bound: Any) -> str:
    """A clause on why array ``name`` came out as ``got``, or nothing where no cause is known."""
    wrong = compare(got, wanted, bound).wrong
    for clauses in (
        _dependence(rig, inputs, name, got, wanted, bound),
        _equality(rig.problem, inputs, name, got, wanted, bound),
        _size(rig.problem, got, wanted),
        where(name, wrong),
        _factor(got, wanted),
    ):
        for clause in clauses:
            return clause
    return ""


def unwritten(rig: KernelRunner, inputs: Arrays, name: str, missing: Array, wanted: Array, bound: Any) -> str:
    """A clause on numbers that were not written (or spoilt by what stood there before)."""
    for clause in _starting_from_zero(rig, inputs, name, wanted, bound):
        return clause
    for clause in where(name, missing, "all of it lies"):
        return clause
    return ""


def _dependence(rig: KernelRunner, inputs: Arrays, name: str, got: Array, wanted: Array, bound: Any) -> Iterator[str]:
    """A clause on something that must not change the result, and does."""
    yield from _starting_from_zero(rig, inputs, name, wanted, bound)
    again = _run(rig, inputs, name)
    if again is not None and again.tobytes() != np.ascontiguousarray(got).tobytes():
        yield "it differs from run to run: a race or uninitialised scratch?"


def _starting_from_zero(rig: KernelRunner, inputs: Arrays, name: str, wanted: Array, bound: Any) -> Iterator[str]:
    """Whether clean scratch, or a clean output, makes it right."""
    for target, clause in (
        ("scratch", "it is right when the scratch is zero: scratch holds anything, clear what has to be zero"),
        (name, "it is right when the output holds zeros before: it adds to its output instead of writing it"),
    ):
        clean = _run(rig, inputs, name, target)
        if clean is not None and compare(clean, wanted, bound).right:
            yield clause


def _run(rig: KernelRunner, inputs: Arrays, name: str, zeroed: str = "") -> Array | None:
    def fill(array_name: str, array: Array) -> None:
        if array_name == zeroed:
            array[...] = 0

    try:
        return np.ascontiguousarray(rig.run(inputs, fill=fill).out[name])
    except BrokenError:
        return None


def _equality(problem: Any, inputs: Arrays, name: str, got: Array, wanted: Array, bound: Any) -> Iterator[str]:
    """The known mistakes whose results these are."""
    limit = float(np.max(bound))
    for words, values in mistakes(problem, inputs, name, wanted):
        if values.shape == got.shape and compare(got, values, limit).right:
            yield f"it equals the result {words}"


def where(name: str, wrong: Array, lead: str = "all wrong numbers lie") -> Iterator[str]:
    """Places that hold all wrong numbers, while there are right ones elsewhere."""
    if wrong.all() or not wrong.any():
        return
    places: list[tuple[str, Any]] = []
    if name in ("y", "dx") and wrong.ndim == 4:
        places += [place for axis, line in ((2, "column"), (1, "row")) for place in _ends(wrong, axis, line)]
    axis = "channel" if wrong.ndim == 4 or name == "db" else "feature"
    if name in ("y", "dx", "dw", "db"):
        places += [(f"in the last {axis} (of {len(wrong)})", np.s_[-1]), (f"in the first {axis}", np.s_[0])]
    for words, index in places:
        if _all_within(wrong, index):
            yield f"{lead} {words}"
    if name in ("y", "dx") and wrong.ndim == 4 and min(wrong.shape[1:3]) > 2 and not wrong[:, 1:-1, 1:-1].any():
        yield f"{lead} at the border"
    if name != "db" and name != "dw":
        images = np.flatnonzero(wrong.reshape(-1, wrong.shape[-1]).any(0))
        if len(images) == 1:
            yield f"{lead} in image {images[0]} (of 16)"
    first = int(np.flatnonzero(wrong.reshape(len(wrong), -1).any(1))[0])
    if name in ("y", "dx", "dw", "db") and first > 0 and (first % 2 == 0 or len(wrong) - first <= 2):
        yield f"{lead} from {axis} {first} on (of {len(wrong)}): is it the remainder of a block?"


def _ends(wrong: Array, axis: int, line: str) -> Iterator[tuple[str, Any]]:
    """The last rows (columns) that hold all wrong numbers, if they are few, and the first ones."""
    size, lines = wrong.shape[axis], np.flatnonzero(wrong.any(tuple({0, 1, 2, 3} - {axis})))
    before = (slice(None),) * axis
    for count, where, index in (
        (size - lines[0], "last", (*before, slice(lines[0], None))),
        (lines[-1] + 1, "first", (*before, slice(0, lines[-1] + 1))),
    ):
        if count <= max(1, size // 3):
            yield f"in the {where} {line}" if count == 1 else f"in the {where} {count} {line}s", index


def _all_within(wrong: Array, index: Any) -> bool:
    inside = np.zeros_like(wrong)
    inside[index] = True
    return not (wrong & ~inside).any() and not inside.all()


def _factor(got: Array, wanted: Array) -> Iterator[str]:
    """One factor for all numbers."""
    if not np.isfinite(got).all() or got.dtype.kind != "f" or not np.any(wanted):
        return
    largest = np.unravel_index(np.abs(wanted).argmax(), wanted.shape)
    factor = float(got[largest]) / float(wanted[largest])
    if factor == 0:
        if not got.any():
            yield "all numbers are 0"
    elif abs(factor - 1) > 1e-3 and compare(got / factor, wanted, 1e-5 * np.abs(wanted).max()).right:
        why = {-1.0: ": the sign?", 16.0: ": summed over the images twice?", 0.0625: ": a mean over the 16 images?"}
        yield f"every number is {factor:.4g} times what it should be{why.get(round(factor, 4), '')}"


def _size(problem: Any, got: Array, wanted: Array) -> Iterator[str]:
    """Errors that look like rounding."""
    if not np.isfinite(got).all() or got.dtype.kind != "f":
        return
    error, largest = float(np.abs(got - wanted).max()), float(np.abs(wanted).max())
    if 0 < error < 2e-3 * largest:
        share = f"the largest error is {error / largest:.1g} of the largest number"
        if problem.dtype == "float64" and error > 1e-10 * largest:
            yield f"{share}: are there float32 numbers on the way?"
        elif error > 1e-5 * largest:
            yield f"{share}: is something rounded to fewer digits?"
        else:
            yield f"{share}: rounding; a backend that does other sums than the formula's states its tolerance()"
