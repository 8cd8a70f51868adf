"""Check of NaN and infinity: an output must have them where the formula takes them, and nowhere else.

Where the formula takes a number is found by the oracle on zeros with a single one. Within a plane that it has a part
in (an image's channel, a kernel) NaN may spread further, as it does where a number is multiplied by zeros on the way,
which is noted; it may never vanish, nor reach another plane: another image, group, output channel or kernel.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from nbcnn.conformance.formatting import described, figure, place
from nbcnn.conformance.grid import Case
from nbcnn.conformance.inputs import cast, rounded
from nbcnn.conformance.oracle import by_plane
from nbcnn.conformance.report import Report
from nbcnn.conformance.runner import BrokenError, KernelRunner
from nbcnn.conformance.signatures import PACKS, Array, Arrays, given
from nbcnn.kernels.contract import Backend, WeightedKernels
from nbcnn.kernels.ops import op

CHECK = "not a number"
IMAGE = 5
SOURCES = ("x", "w", "b", "dy")
SPREADS = "NaN spreads within its image, to numbers that it has no part in"
MADE_NAN = "by 0·∞ or ∞−∞: is something multiplied by zero instead of being left out?"
REACHES = {"x": ("y", "dw", "losses"), "w": ("y", "dx"), "b": ("y",), "dy": ("dx", "dw", "db")}
"""Outputs that must have an input's NaN. (dx of max pooling and relu looks at x, but its gradient only passes by.)"""

WHERE = {"y": "output channel", "dx": "input channel", "dw": "kernel", "db": "channel", "losses": "image"}


def check_nonfinite(backend: Backend, problem: Any, exact: bool, report: Report) -> None:
    """NaN, and infinity, at one place of each input in turn."""
    case = Case(problem)
    try:
        rig = KernelRunner(backend, problem)
        for number, source in enumerate(name for name in given(problem) if name in SOURCES):
            for value in (np.nan, np.inf):
                spot, reach, spoilt, wanted = _sample(replace(problem, dtype="float64"), source, number, value)
                out = rig.run(cast(problem, spoilt)).out
                for name in out:
                    if name in REACHES[source] and name in reach:
                        words, hint = _wrong(
                            problem, out[name], wanted[name], reach[name], (source, name), value, exact
                        )
                        _note(report, case, (source, spot, value), name, words, hint)
                        spreads = exact and _spreads(out[name], reach[name], source, name)
                        if spreads and SPREADS not in report.notes:
                            report.notes.append(SPREADS)
    except BrokenError as error:
        report.fail(CHECK, str(error), described(case))


@lru_cache(maxsize=512)  # the same for all backends
def _sample(problem: Any, source: str, number: int, value: float) -> tuple[tuple[int, ...], Arrays, Arrays, Arrays]:
    """A place in an input, where its number has a part, inputs with ``value`` there, and the oracle's outputs."""
    inputs = rounded(problem, (7, number))
    spot = _spot(problem, source, inputs[source].shape, number)
    reach = _reach(problem, inputs, source, spot)
    inputs[source][spot] = value
    with np.errstate(all="ignore"):
        return spot, reach, inputs, op(problem.op).oracle(problem, inputs)


def _spot(problem: Any, source: str, shape: tuple[int, ...], number: int) -> tuple[int, ...]:
    """A place in an input, in image 5 where it has images."""
    random = np.random.default_rng(number)
    spot = tuple(int(random.integers(0, size)) for size in shape)
    return (*spot[:-1], IMAGE) if source in PACKS else spot


def _reach(problem: Any, inputs: Arrays, source: str, spot: tuple[int, ...]) -> dict[str, Array]:
    """Where in each output the number at ``spot`` has a part, as masks."""
    if problem.kernels is not WeightedKernels and problem.op != "avg_pool2d":
        spoilt = {name: array.copy() for name, array in inputs.items()}
        spoilt[source][spot] = np.nan
        with np.errstate(all="ignore"):
            values = op(problem.op).oracle(problem, spoilt)
        return {name: np.isnan(array) for name, array in values.items() if name != "guesses"}
    still = {"w"} if source == "b" else {"b"}
    ones = {name: np.zeros_like(array) if name in still else np.ones_like(array) for name, array in inputs.items()}
    ones[source] = np.zeros_like(ones[source])
    ones[source][spot] = 1
    return {name: array != 0 for name, array in op(problem.op).oracle(problem, ones).items()}


def _wrong(
    problem: Any, got: Array, wanted: Array, reach: Array, between: tuple[str, str], value: float, exact: bool
) -> tuple[str, str]:
    """The error of an output and its likely cause; empty where there is none."""
    source, name = between
    if np.isnan(value):
        lost = reach & ~np.isnan(got)
    elif op(problem.op).at_infinity == "limit":
        lost = reach & ~(got == wanted)
    elif exact and op(problem.op).at_infinity == "formula":
        lost = reach & ~(
            (got == wanted) | (np.isnan(got) & np.isnan(wanted)) | (np.isfinite(got) & np.isfinite(wanted))
        )
    else:
        lost = reach & np.isfinite(got) & ~np.isfinite(wanted)
    if lost.any():
        index = tuple(int(i) for i in np.argwhere(lost)[0])
        there = f"{name} at {place(name, index)} is {figure(got[index])}"
        if np.isinf(value) and np.isnan(got[index]):
            return f"became NaN: {there}, wanted {figure(wanted[index])}", MADE_NAN
        return f"is lost: {there}", ""
    stray = ~np.isfinite(got) & ~(by_plane(np.any, name, reach) if got.ndim == 4 else reach)
    if stray.any():
        index = tuple(int(i) for i in np.argwhere(stray)[0])
        another = "image" if source in PACKS and name in PACKS and index[-1] != IMAGE else WHERE.get(name, "number")
        return f"reaches another {another}: {name} at {place(name, index)} is {figure(got[index])}", ""
    return "", ""


def _spreads(got: Array, reach: Array, source: str, name: str) -> bool:
    """Whether what is no number reaches numbers of the same image that it has no part in."""
    stray = ~np.isfinite(got) & ~reach
    return source in ("x", "dy") and name in PACKS and bool(stray[..., IMAGE].any())


def _note(
    report: Report, case: Case, sample: tuple[str, tuple[int, ...], float], name: str, words: str, hint: str
) -> None:
    if not words:
        report.ok(CHECK)
        return
    source, spot, value = sample
    what = "NaN" if np.isnan(value) else "infinity"
    sentence = f"{what} in {source} at {place(_like(source), spot)} {words}"
    report.fail(CHECK, sentence, described(case), name, hint)


def _like(source: str) -> str:
    return "db" if source == "b" else source
