"""What the suite is worth: backends with a fault each, and which check catches it with which words."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import count
from typing import Any

import numpy as np
import pytest
from exhaustive import parametrize

from nbcnn.conformance import Options, Report, check_backends, checks, grid
from nbcnn.conformance.failure_patterns import patterns
from nbcnn.conformance.report import CHECKS
from nbcnn.kernels import registry
from nbcnn.kernels.contract import LANES, OneImage, WeightedKernels
from nbcnn.kernels.conv2d.direct import Direct
from nbcnn.kernels.conv2d.naive import Naive
from nbcnn.kernels.conv2d.problem import Conv2dProblem

Spoil = Callable[[WeightedKernels, Conv2dProblem], WeightedKernels]


def _bias_ignored(k: WeightedKernels, p: Conv2dProblem) -> WeightedKernels:
    return k._replace(forward=lambda x, w, b, y, scratch: k.forward(x, w, 0 * b, y, scratch))


def _flipped(k: WeightedKernels, p: Conv2dProblem) -> WeightedKernels:
    return k._replace(
        forward=lambda x, w, b, y, scratch: k.forward(x, np.ascontiguousarray(w[:, :, ::-1, ::-1]), b, y, scratch)
    )


def _off_by_one(k: WeightedKernels, p: Conv2dProblem) -> WeightedKernels:
    return k._replace(forward=lambda x, w, b, y, scratch: k.forward(np.roll(x, 1, axis=2), w, b, y, scratch))


def _images_exchanged(k: WeightedKernels, p: Conv2dProblem) -> WeightedKernels:
    return k._replace(forward=lambda x, w, b, y, scratch: k.forward(np.roll(x, 1, axis=3), w, b, y, scratch))


def _not_flipped_back(k: WeightedKernels, p: Conv2dProblem) -> WeightedKernels:
    return k._replace(
        grad_input=lambda dy, w, dx, scratch: k.grad_input(dy, np.ascontiguousarray(w[:, :, ::-1, ::-1]), dx, scratch)
    )


def _one_image_left_out(k: WeightedKernels, p: Conv2dProblem) -> WeightedKernels:
    def grad_weight(x: Any, dy: Any, dw: Any, db: Any, scratch: Any) -> None:
        k.grad_weight(np.where(np.arange(LANES) < LANES - 1, x, 0 * x), dy, dw, db, scratch)

    return k._replace(grad_weight=grad_weight)


def _bias_gradient_forgotten(k: WeightedKernels, p: Conv2dProblem) -> WeightedKernels:
    return k._replace(grad_weight=lambda x, dy, dw, db, scratch: k.grad_weight(x, dy, dw, np.empty_like(db), scratch))


def _last_column_unwritten(k: WeightedKernels, p: Conv2dProblem) -> WeightedKernels:
    def forward(x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
        before = y[:, :, -1].copy()
        k.forward(x, w, b, y, scratch)
        y[:, :, -1] = before

    return k._replace(forward=forward)


def _adds_instead_of_writing(k: WeightedKernels, p: Conv2dProblem) -> WeightedKernels:
    def grad_input(dy: Any, w: Any, dx: Any, scratch: Any) -> None:
        before = dx.copy()
        k.grad_input(dy, w, dx, scratch)
        dx += before

    return k._replace(grad_input=grad_input)


def _writes_behind_its_scratch(k: WeightedKernels, p: Conv2dProblem) -> WeightedKernels:
    def forward(x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
        k.forward(x, w, b, y, scratch)
        np.lib.stride_tricks.as_strided(scratch, (scratch.size + 1,))[-1] = 0

    return k._replace(forward=forward)


def _writes_before_its_output(k: WeightedKernels, p: Conv2dProblem) -> WeightedKernels:
    def grad_input(dy: Any, w: Any, dx: Any, scratch: Any) -> None:
        k.grad_input(dy, w, dx, scratch)
        base = dx.base
        base[(dx.ctypes.data - base.ctypes.data) // base.itemsize - 1] = 0

    return k._replace(grad_input=grad_input)


def _uses_its_input_as_scratch(k: WeightedKernels, p: Conv2dProblem) -> WeightedKernels:
    def grad_weight(x: Any, dy: Any, dw: Any, db: Any, scratch: Any) -> None:
        k.grad_weight(x, dy, dw, db, scratch)
        dy *= 2

    return k._replace(grad_weight=grad_weight)


def _never_twice_the_same(k: WeightedKernels, p: Conv2dProblem) -> WeightedKernels:
    calls = count()

    def forward(x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
        k.forward(x, w, b, y, scratch)
        y += next(calls)

    return k._replace(forward=forward)


def _half_precision(k: WeightedKernels, p: Conv2dProblem) -> WeightedKernels:
    def forward(x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
        k.forward(x, w, b, y, scratch)
        y[...] = y.astype("float16").astype(y.dtype) * (1 + 2**-10)

    return k._replace(forward=forward)


def _forward(change: Callable[..., None]) -> Spoil:
    """A forward kernel that calls ``change(right kernel, problem, x, w, b, y, scratch)`` in place of the right one."""

    def spoil(k: WeightedKernels, p: Conv2dProblem) -> WeightedKernels:
        return k._replace(forward=lambda *arrays: change(k.forward, p, *arrays))

    return spoil


def _of_other_problem(**changes: Any) -> Spoil:
    """The forward kernel of a problem with other numbers, as far as this one's output goes."""

    def spoil(k: WeightedKernels, p: Conv2dProblem) -> WeightedKernels:
        other = replace(p, **changes)
        wrong = Naive().build(other).forward

        def forward(x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
            full = np.empty((*other.y_shape, LANES), y.dtype)
            wrong(x, w, b, full, scratch)
            y[...] = full[:, : y.shape[1], : y.shape[2]]

        return k._replace(forward=forward)

    return spoil


def _raises(right: Any, p: Any, x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
    y[...] = np.zeros((3, 3))  # a shape that does not fit


def _returns(right: Any, p: Any, x: Any, w: Any, b: Any, y: Any, scratch: Any) -> Any:
    result = np.empty_like(y)
    right(x, w, b, result, scratch)
    return result


def _hides_nan(right: Any, p: Any, x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
    right(np.nan_to_num(x, nan=0.0, posinf=np.inf), w, b, y, scratch)


def _mixes_nan(right: Any, p: Any, x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
    right(x, w, b, y, scratch)
    y += 0 * x.sum()


def _rounds_images_together(right: Any, p: Any, x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
    right(x, w, b, y, scratch)
    y += 1e-9 * y[..., ::-1]


def _rounds_channels_together(right: Any, p: Any, x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
    right(x, w, b, y, scratch)
    y += 1e-9 * y[::-1]


def _rounds_kernels_together(k: WeightedKernels, p: Conv2dProblem) -> WeightedKernels:
    def grad_weight(x: Any, dy: Any, dw: Any, db: Any, scratch: Any) -> None:
        k.grad_weight(x, dy, dw, db, scratch)
        dw += 1e-9 * dw[::-1, ::-1]

    return k._replace(grad_weight=grad_weight)


def _rounds_groups_together(k: WeightedKernels, p: Conv2dProblem) -> WeightedKernels:
    def grad_input(dy: Any, w: Any, dx: Any, scratch: Any) -> None:
        k.grad_input(dy, w, dx, scratch)
        dx += 1e-9 * dx[::-1]

    return k._replace(grad_input=grad_input) if p.groups > 1 else k


def _hands_nan_on(right: Any, p: Any, x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
    right(x, w, b, y, scratch)
    y += 0 * np.where(np.isnan(y), y, 0)[::-1]


def _makes_nan(right: Any, p: Any, x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
    right(x, w, b, y, scratch)
    y += 0 * np.where(np.isinf(w), w, 0).sum()


def _counts_on_clean_scratch(right: Any, p: Any, x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
    right(x, w, b, y, scratch)
    y += scratch[0]


def _reads_behind_its_input(right: Any, p: Any, x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
    right(x, w, b, y, scratch)
    y += np.lib.stride_tricks.as_strided(x.reshape(-1)[-1:], (2,))[1]


def _transposed(right: Any, p: Any, x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
    same = w.shape[2] == w.shape[3]
    right(x, np.ascontiguousarray(w.swapaxes(2, 3)) if same else w, b, y, scratch)


def _groups_in_turn(right: Any, p: Any, x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
    right(x.reshape(-1, p.groups, *x.shape[1:]).swapaxes(0, 1).reshape(x.shape), w, b, y, scratch)


def _first_group_for_all(right: Any, p: Any, x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
    right(np.tile(x[: p.in_channels // p.groups], (p.groups, 1, 1, 1)), w, b, y, scratch)


def _one_row_up(right: Any, p: Any, x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
    moved = np.zeros_like(x)
    moved[:, :-1] = x[:, 1:]
    right(moved, w, b, y, scratch)


def _last_channel(right: Any, p: Any, x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
    right(x, w, b, y, scratch)
    y[-1] += len(y) % 2  # the remainder of blocks of two


def _only_with_dilation(right: Any, p: Any, x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
    right(x, w, b, y, scratch)
    y += p.dilation != (1, 1)


def _float32_on_the_way(right: Any, p: Any, x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
    right(x, w, b, y, scratch)
    if p.dtype == "float64":
        y[...] = y.astype("float32") * np.float32(1 + 1e-6)


def _bias_twice(right: Any, p: Any, x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
    right(x, w, 2 * b, y, scratch)


def _other_sides(k: WeightedKernels, p: Conv2dProblem) -> WeightedKernels:
    top, bottom, left, right = p.padding
    return k._replace(forward=Naive().build(replace(p, padding=(bottom, top, right, left))).forward)


def _mean(k: WeightedKernels, p: Conv2dProblem) -> WeightedKernels:
    def grad_weight(x: Any, dy: Any, dw: Any, db: Any, scratch: Any) -> None:
        k.grad_weight(x, dy, dw, db, scratch)
        dw /= LANES
        db /= LANES

    return k._replace(grad_weight=grad_weight)


def _half_gradient(k: WeightedKernels, p: Conv2dProblem) -> WeightedKernels:
    def grad_input(dy: Any, w: Any, dx: Any, scratch: Any) -> None:
        k.grad_input(dy, w, dx, scratch)
        dx /= 2

    return k._replace(grad_input=grad_input)


def _shared_buffer(k: WeightedKernels, p: Conv2dProblem) -> WeightedKernels:
    kept = np.empty((*p.y_shape, LANES), p.dtype)

    def forward(x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
        k.forward(x, w, b, kept, scratch)
        y[...] = kept

    return k._replace(forward=forward)


FAULTS: dict[str, tuple[Spoil, str, str]] = {
    # what is wrong: how, the check that catches it, its words
    "bias ignored": (_bias_ignored, "whole numbers", "y is wrong .*equals the result without the bias"),
    "bias twice": (_forward(_bias_twice), "whole numbers", "with the bias added twice"),
    "flipped kernel": (_flipped, "whole numbers", "y is wrong .*with the kernel flipped \\(turned by 180 degrees"),
    "rows for columns": (_forward(_transposed), "whole numbers", "rows and columns of the kernel exchanged"),
    "off by one": (_off_by_one, "whole numbers", "y is wrong .*with x one pixel further to the right"),
    "one row up": (_forward(_one_row_up), "whole numbers", "with x one pixel further up"),
    "other sides": (_other_sides, "whole numbers", "with the paddings of opposite sides exchanged"),
    "images exchanged": (_images_exchanged, "whole numbers", "each image's result in the place of its neighbour's"),
    "kernel not flipped back": (_not_flipped_back, "whole numbers", "dx is wrong .*with the kernel flipped"),
    "one image left out": (_one_image_left_out, "whole numbers", "dw is wrong .*without image 15"),
    "mean": (_mean, "whole numbers", "dw is wrong .*every number is 0.0625 times .*mean over the 16 images"),
    "dilation ignored": (_of_other_problem(dilation=(1, 1)), "whole numbers", "it equals the result with dilation 1"),
    "stride ignored": (_of_other_problem(stride=(1, 1)), "whole numbers", "it equals the result with stride 1"),
    "groups in turn": (_forward(_groups_in_turn), "whole numbers", "dealt out to the groups in turn"),
    "first group": (_forward(_first_group_for_all), "whole numbers", "the first group's input channels for every"),
    "last channel": (_forward(_last_channel), "whole numbers", "all wrong numbers lie in the last channel"),
    "only with dilation": (_forward(_only_with_dilation), "whole numbers", "y is wrong everywhere"),
    "half precision": (_half_precision, "rounding", "y is wrong .*rounded to fewer digits"),
    "float32 on the way": (_forward(_float32_on_the_way), "whole numbers", "y is wrong .*float32 numbers on the way"),
    "bias gradient forgotten": (_bias_gradient_forgotten, "contract", "db is not written at all"),
    "last column unwritten": (_last_column_unwritten, "contract", "y is not written .*lies in the last column"),
    "adds instead of writing": (_adds_instead_of_writing, "contract", "dx is not written.*adds to its output instead"),
    "writes behind its scratch": (_writes_behind_its_scratch, "contract", "something was written after scratch"),
    "writes before its output": (_writes_before_its_output, "contract", "something was written before dx"),
    "uses its input as scratch": (_uses_its_input_as_scratch, "contract", "the input dy was changed"),
    "reads behind its input": (
        _forward(_reads_behind_its_input),
        "contract",
        "y holds what lies outside of the arrays",
    ),
    "counts on clean scratch": (
        _forward(_counts_on_clean_scratch),
        "contract",
        "y holds what was in the scratch.*right when the scratch is zero",
    ),
    "raises": (_forward(_raises), "contract", "forward raised ValueError: could not broadcast"),
    "returns": (_forward(_returns), "contract", "forward returned an array of shape .* returns nothing"),
    "never twice the same": (_never_twice_the_same, "repeats", "y differs in .* it differs from run to run: a race or"),
    "half the gradient": (_half_gradient, "adjoint", "⟨conv\\(x\\), dy⟩ = ⟨x, dx⟩ does not hold"),
    "half the gradient, by differences": (
        _half_gradient,
        "jacobian",
        "dx: .* derivatives are wrong.* all of them are 0.5 times",
    ),
    "images together": (
        _forward(_rounds_images_together),
        "scales",
        r"with images 10⁶ apart y is wrong in .* image 0: got .*; are they rounded together\?",
    ),
    "output channels together": (
        _forward(_rounds_channels_together),
        "scales",
        "with kernels of output channels 10⁶ apart y is wrong in .* channel 0, ",
    ),
    "kernels together": (_rounds_kernels_together, "scales", "with .* channels 10⁶ apart dw is wrong in"),
    "groups together": (_rounds_groups_together, "scales", "with .* 10⁶ apart dx is wrong in .* groups 2"),
    "NaN in other channels": (
        _forward(_hands_nan_on),
        "not a number",
        "NaN in [wb] at .* reaches another output channel: y at channel",
    ),
    "NaN hidden": (_forward(_hides_nan), "not a number", "NaN in x at .* image 5 is lost: y at .* image 5 is"),
    "NaN in other images": (_forward(_mixes_nan), "not a number", "NaN in x at .* reaches another image: y at"),
    "infinity times zero": (
        _forward(_makes_nan),
        "not a number",
        "infinity in w at .* became NaN: y at .* is nan, wanted -?inf, .*; by 0·∞ or ∞−∞: is something multiplied by zero",
    ),
    "shared buffer": (_shared_buffer, "threads", "y has other bits than in a serial run, .*; a race"),
    "gradient of a network": (_mean, "network", "derivatives of the loss are wrong, first that of 0.weight"),
}
"""Each is the formula (naive) but for one thing."""


class _Bad(Naive):
    def workspace(self, problem: Conv2dProblem) -> int:
        return 1


class _WrongTuple(_Bad):
    def build(self, problem: Conv2dProblem) -> Any:
        return tuple(super().build(problem))[:2]


class _NoKernel(_Bad):
    def build(self, problem: Conv2dProblem) -> WeightedKernels:
        return super().build(problem)._replace(grad_input=None)


class _NoWorkspace(_Bad):
    def workspace(self, problem: Conv2dProblem) -> Any:
        return "a little"


class _TooTolerant(_Bad):
    def tolerance(self, problem: Conv2dProblem) -> float:
        return 1.0


class _ToleranceRaises(_Bad):
    def tolerance(self, problem: Conv2dProblem) -> float:
        raise KeyError(problem.kernel_size)


class _SaysFalse(_Bad):
    def supports(self, problem: Conv2dProblem) -> Any:
        return False if problem.groups > 1 else None


class _SaysNo(_Bad):
    def supports(self, problem: Conv2dProblem) -> Any:
        return "no groups" if problem.groups > 1 else None


class _Crashes(_Bad):
    def supports(self, problem: Conv2dProblem) -> Any:
        return None if 12 // (problem.stride[0] - 2) else "never"


class _BuildRaises(_Bad):
    def build(self, problem: Conv2dProblem) -> WeightedKernels:
        raise LookupError("no such kernel")


class _OneImageInAnotherOrder(_Bad):
    def single(self, problem: Conv2dProblem) -> OneImage:
        found = Direct().single(problem)

        def forward(x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
            found.forward(x, w, 0 * b, y, scratch)
            y += b[:, None, None]

        return found._replace(forward=forward)


class _OneImageWithoutItsLastPixel(_Bad):
    def single(self, problem: Conv2dProblem) -> OneImage:
        found = Direct().single(problem)

        def forward(x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
            kept = y[-1, -1, -1].copy()
            found.forward(x, w, b, y, scratch)
            y[-1, -1, -1] = kept

        return found._replace(forward=forward)


class _OneImageIsNone(_Bad):
    def single(self, problem: Conv2dProblem) -> Any:
        return None


class _OneImageRaises(_Bad):
    def single(self, problem: Conv2dProblem) -> OneImage:
        def forward(x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
            raise ValueError("not so")

        return OneImage(forward)


CLASSES: dict[str, tuple[type[Naive], str, str]] = {
    "wrong tuple": (
        _WrongTuple,
        "contract",
        r"build\(\) must return WeightedKernels\(forward, grad_input, grad_weight\), got a tuple of 2",
    ),
    "no kernel": (_NoKernel, "contract", "must return kernels that can be called; grad_input is None"),
    "no workspace": (_NoWorkspace, "contract", r"workspace\(\) must return a whole number, 0 or more, got 'a little'"),
    "too tolerant": (_TooTolerant, "contract", r"tolerance\(\) must be a share between 0 and 0.01, got 1"),
    "tolerance raises": (_ToleranceRaises, "contract", r"tolerance\(\) raised KeyError"),
    "says False": (_SaysFalse, "refusals", r"supports\(\) must return None or a reason, got False"),
    "says no": (_SaysNo, "refusals", "must say in a sentence which number it can't do, got 'no groups'"),
    "crashes": (_Crashes, "refusals", r"supports\(\) raised ZeroDivisionError"),
    "one image in another order": (
        _OneImageInAnotherOrder,
        "one image",
        "y of one image differs in .* from what its pack gives: .*; is the sum in another order",
    ),
    "one image not whole": (_OneImageWithoutItsLastPixel, "one image", "single's forward: y is not written"),
    "one image is None": (_OneImageIsNone, "contract", r"single must return OneImage\(forward, workspace\), got None"),
    "one image raises": (_OneImageRaises, "contract", "single's forward raised ValueError: not so"),
    "build raises": (_BuildRaises, "contract", "build raised LookupError: no such kernel"),
}


def spoilt(spoil: Spoil) -> type[Naive]:
    class Wrong(_Bad):
        def build(self, problem: Conv2dProblem) -> WeightedKernels:
            return spoil(super().build(problem), problem)

    return Wrong


ALL = {fault: (spoilt(spoil), *rest) for fault, (spoil, *rest) in FAULTS.items()} | CLASSES


MORE = {
    "jacobian": "check_jacobian",
    "scales": "check_scales",
    "not a number": "check_nonfinite",
    "threads": "check_threads",
    "network": "check_network",
    "long sums": "check_long_sums",
}
"""Checks of a few problems: here each is made only where it is what has to catch a fault."""


def without_more(patch: pytest.MonkeyPatch, but: str) -> None:
    """Leave all checks of a few problems out but one."""
    for check in MORE.keys() - {but}:
        patch.setattr(checks, MORE[check], lambda *_, **__: None)


@cache
def report_of(fault: str) -> Report:
    """Of one fault, on the odd problems and one of the grid."""
    backend, check, _ = ALL[fault]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grid, "QUICKLY", 10**6)
        without_more(patch, check)
        patch.setitem(registry.backends("conv2d")._things, fault, backend)
        [found] = check_backends([("conv2d", fault)], Options(quick=True, bounds=False))
    registry.backend.cache_clear()
    registry.prepare.cache_clear()
    return found


QUICK = set({check: fault for fault, (_, check, _) in reversed(ALL.items())}.values())
"""For each check the first fault that it has to catch."""
QUICK -= {"one image in another order"}  # direct's kernels for one image take a minute to compile


@pytest.mark.jit
@parametrize("fault", ALL, quick=QUICK)
def test_a_wrong_backend_is_caught(fault: str) -> None:
    _, check, words = ALL[fault]
    sentences = [str(failure) for failure in report_of(fault).failures if failure.check == check]
    assert any(re.search(words, sentence) for sentence in sentences), sentences or str(report_of(fault))


@pytest.mark.jit
@parametrize("fault", [fault for fault, (_, check, _) in ALL.items() if check == "contract"], quick=QUICK)
def test_a_broken_contract_is_not_laid_to_other_causes(fault: str) -> None:
    failed = {check for check, tally in report_of(fault).tallies.items() if tally.failed}
    assert failed == {"contract"}, [str(failure) for failure in report_of(fault).failures]
    one = "one image, " if hasattr(ALL[fault][0], "single") else ""
    left_out = f"repeats, {one}adjoint, jacobian, scales, not a number, threads and network"
    assert f"left out until `contract` passes: {left_out}; they would blame other causes" in report_of(fault).notes


def test_every_check_is_seen_to_fail() -> None:
    caught = {check for _, check, _ in ALL.values()}
    assert caught | {"out of bounds"} == set(CHECKS)  # that one needs a file: test_plugin_process.py


@pytest.mark.jit
def test_a_plain_sum_is_told_by_long_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    class Plain(Naive):
        def build(self, problem: Conv2dProblem) -> WeightedKernels:
            def forward(x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
                right.forward(x, w, b, y, scratch)
                if problem.w_shape[1] > 1000:
                    terms = (x * w[0, ..., None]).reshape(-1, LANES)
                    y[0, 0, 0] = np.cumsum(terms, axis=0, dtype=y.dtype)[-1]

            right = super().build(problem)
            return right._replace(forward=forward)

    without_more(monkeypatch, "long sums")
    monkeypatch.setitem(registry.backends("conv2d")._things, "plain", Plain)
    [report] = check_backends([("conv2d", "plain")], Options(quick=True, bounds=False, dtypes=("float32",)))
    registry.backend.cache_clear()
    [failure] = report.failures
    assert (failure.check, failure.array) == ("rounding", "y")
    assert failure.sentence.startswith("y is wrong everywhere, first at channel 0, row 0, column 0, image 0: got 8")
    assert "one accumulator of more than 1,024 terms drifts away" in failure.hint


@pytest.mark.jit
def test_only_problems_with_dilation_fail() -> None:
    [sentence] = [one for one in patterns(report_of("only with dilation").seen) if "whole numbers" in one]
    assert sentence.startswith("whole numbers of y and rounding of y fail only where there is dilation (")
    assert not any("only where" in one for one in patterns(report_of("bias twice").seen) if "a bias" not in one)
