"""Checks of an exercise, a convolution that a learner writes kernel by kernel: the next case, its errors.

A backend of conv2d with ``exercise = True`` is checked on forward, grad_input and grad_weight, in this order, on cases
of few numbers. The kernels run in a process of their own, where every index is checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from nbcnn.conformance.diagnosis import cause
from nbcnn.conformance.error_bounds import compare
from nbcnn.conformance.formatting import figure
from nbcnn.conformance.inputs import cast
from nbcnn.conformance.isolation import Line, Pair, Say, apart
from nbcnn.conformance.oracle import expect
from nbcnn.conformance.out_of_bounds import indices_checked
from nbcnn.conformance.report import Report
from nbcnn.conformance.runner import BrokenError, KernelRunner
from nbcnn.conformance.signatures import Array, Arrays
from nbcnn.conformance.written_sums import terms
from nbcnn.kernels import registry
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.util import activity

FORMULAS = {
    "y": "(1): y[o, i, j] = b[o] + sum over c, a, k of x[c, i + a - top, j + k - left] · w[o, c, a, k]",
    "dx": "(3): dx[c, r, q] = sum over o, a, k of dy[o, r - a + top, q - k + left] · w[o, c, a, k]",
    "dw": "(4): dw[o, c, a, k] = sum over images, i, j of dy[o, i, j] · x[c, i + a - top, j + k - left]",
    "db": "(5): db[o] = sum over images, i, j of dy[o, i, j]",
}
"""The formula of each output, with the equation's number in docs/math.md."""
OUTPUTS = {"forward": ("y",), "grad_input": ("dx",), "grad_weight": ("dw", "db")}


class Task(NamedTuple):
    """One case of an exercise: the problem, its name, and what it requires beyond the one before."""

    problem: Conv2dProblem
    words: str
    beyond: str


TASKS = (
    Task(Conv2dProblem(1, 1, 3, 3, (2, 2)), "a 1×3×3 image with a 2×2 kernel", "one channel, no padding"),
    Task(
        Conv2dProblem(2, 3, 4, 5, (2, 3)),
        "a 2×4×5 image with three 2×3 kernels",
        "channels, and rows and columns that differ in number: is anything C where it should be O, or H where W?",
    ),
    Task(
        Conv2dProblem(1, 2, 3, 4, (3, 3), padding=(1, 1, 1, 1)),
        "a 1×3×4 image with two 3×3 kernels and padding 1",
        "padding: rows and columns outside of the image count as zeros, and are not to be read",
    ),
)


@dataclass
class Lesson:
    """Progress in an exercise: the kernels that are right; of the next one the errors, a line each."""

    right: list[str] = field(default_factory=list)
    kernel: str = ""
    sentence: str = ""
    lines: list[str] = field(default_factory=list)

    @property
    def solved(self) -> bool:
        """Whether all kernels are right on all cases."""
        return not self.kernel


def is_exercise(op: str, name: str) -> bool:
    """Whether a backend is an exercise."""
    return op == "conv2d" and getattr(registry.backend(op, name), "exercise", False) is True


def lesson(op: str, name: str, seconds: float | None = None) -> Lesson:
    """How far the exercise is. ``seconds`` is how long a call may take; None for NBCNN_PATIENCE, or 100."""
    report, found = Report(op, name, ""), Lesson()
    with indices_checked() as own:
        for line in apart(__name__, [report], {}, own, seconds or activity.patience()):
            if "right" in line:
                found.right.append(line["right"])
            elif "failure" in line and not found.kernel:
                done = [kernel for kernel in OUTPUTS if kernel not in found.right]
                found.kernel, found.sentence = done[0], ". ".join(filter(None, (line["failure"], line.get("hint"))))
            elif "kernel" in line:
                found.kernel, found.sentence, found.lines = line["kernel"], line["sentence"], line["lines"]
    return found


def work(pairs: list[Pair], task: Line, say: Say) -> None:
    """The work of the child process."""
    for pair in pairs:
        activity.tell(pair=pair, check="contract")
        for kernel in OUTPUTS:
            wrong = next((found for number in range(len(TASKS)) if (found := _tried(pair, kernel, number))), None)
            if wrong:
                say(pair=pair, kernel=kernel, sentence=wrong[0], lines=wrong[1:])
                break
            say(pair=pair, right=kernel)
        say(pair=pair, done=True)


def _tried(pair: Pair, kernel: str, number: int) -> list[str]:
    """The error of a kernel on a case: a sentence, then lines that explain it; nothing where it is right."""
    task = TASKS[number]
    inputs = _inputs(task.problem, number)
    backend = registry.backend(*pair)
    where = f"on {task.words}"
    if reason := backend.supports(task.problem):
        return [f"{where}, supports() refuses: {reason}", "the exercise needs this one"]
    try:
        rig = KernelRunner(backend, task.problem)
        ran = rig.run(cast(task.problem, inputs), only=[kernel])
    except BrokenError as error:
        return [f"{where}, {error}", f"beyond the case before it has {task.beyond}"]
    wanted = expect(task.problem, inputs).values
    for sentence in ran.breaches:
        return [f"{where}, {sentence}"]
    strange = ran.unwritten()
    for name in OUTPUTS[kernel]:
        got = ran.out[name]
        wrong = compare(got, wanted[name], 0.0).wrong
        if wrong.any():
            hint = strange[name][0] if name in strange else ""
            if not hint and not got.any():
                hint = f"all of {name} is 0: do the loops write it, and is the line out that clears it?"
            elif not hint and (number or name == "y"):  # elsewhere one image alone counts, and all would lie in it
                hint = cause(rig, cast(task.problem, inputs), name, got, wanted[name], 0.0)
            return _explained(task, inputs, name, (got, wanted[name], wrong), hint)
    return []


def _explained(task: Task, inputs: Arrays, name: str, numbers: tuple[Array, Array, Array], hint: str) -> list[str]:
    got, wanted, wrong = numbers
    index = _first(wrong, name in ("y", "dx"))
    place, image = (index[:-1], index[-1]) if name in ("y", "dx") else (index, None)
    value = "is not written" if np.isnan(got[index]) and not np.isnan(wanted[index]) else f"is {figure(got[index])}"
    at = f"{name}[{', '.join(map(str, place))}]" + (f" of image {image}" if image else "")
    factors = terms(task.problem, inputs, name, place, image)
    lines = [f"case: {task.beyond}"]
    if task is TASKS[0]:
        lines += list(_drawn(inputs, name))
    if len(factors) <= 10:
        lines.append(f"{at} = {' + '.join(factors)} = {figure(wanted[index])}")
    lines.append(f"equation {FORMULAS[name]}")
    if hint:
        lines.append(f"hint: {hint}")
    return [f"on {task.words}, {at} should be {figure(wanted[index])}, {value}", *lines]


def _first(wrong: Array, has_images: bool) -> tuple[int, ...]:
    """The place of the first wrong number; in image 0, if there is one in it."""
    here = np.argwhere(wrong[..., :1] if has_images and wrong[..., 0].any() else wrong)[0]
    return tuple(int(number) for number in here)


def _drawn(inputs: Arrays, name: str) -> Iterator[str]:
    """The numbers that make an output, of image 0, each array with its name before it."""
    for source in {"y": ("x", "w", "b"), "dx": ("dy", "w"), "dw": ("x", "dy"), "db": ("dy",)}[name]:
        array = inputs[source]
        image = array[..., 0] if source in ("x", "dy") else array
        rows = " / ".join(" ".join(figure(n) for n in row) for row in image.reshape(-1, image.shape[-1]))
        yield f"{source} = {rows}"


def _inputs(p: Conv2dProblem, number: int) -> Arrays:
    """Small whole numbers. Of the first case image 0 counts up from 1, and only it has a gradient."""
    random = np.random.default_rng(number)

    def drawn(*shape: int) -> Any:
        return random.integers(-3, 4, shape).astype("float64")

    arrays = {
        "x": drawn(*p.x_shape, LANES),
        "dy": drawn(*p.y_shape, LANES),
        "w": drawn(*p.w_shape),
        "b": drawn(p.out_channels),
    }
    if number == 0:
        for name in ("x", "w"):
            image = arrays[name][..., 0] if name == "x" else arrays[name]
            image[...] = np.arange(1, image.size + 1).reshape(image.shape)
        arrays["dy"][...] = 0
        arrays["dy"][..., 0] = np.arange(1, 5).reshape(p.y_shape)
        arrays["b"][...] = 5
    return arrays
