"""nbcnn kernels check: every backend passes it; what it covers, how it chooses, what it says."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from exhaustive import exhaustive, parametrize
from kernels.cases import CONV2D

from nbcnn.cli import nbcnn as command_line
from nbcnn.cli.kernels.check import Lines, _show
from nbcnn.conformance import Options, Report, check_backend, check_backends
from nbcnn.conformance import grid as grids
from nbcnn.conformance.checks import has_sums
from nbcnn.conformance.error_bounds import compare, mismatch
from nbcnn.conformance.formatting import described
from nbcnn.conformance.grid import Case, grid
from nbcnn.conformance.guarded_arrays import GuardedArrays
from nbcnn.conformance.options import DTYPES
from nbcnn.conformance.report import CHECKS
from nbcnn.conformance.selection import chosen
from nbcnn.errors import KernelError
from nbcnn.kernels import registry
from nbcnn.kernels.contract import SimpleBackend
from nbcnn.kernels.conv2d.naive import Naive
from nbcnn.kernels.conv2d.op import DILATIONS, GROUPS, KERNELS, PADDINGS, STRIDES
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.linear.op import LinearProblem
from nbcnn.kernels.ops import OPS
from nbcnn.kernels.ops import op as definition
from nbcnn.kernels.pooling import Pool2dProblem

EVERYTHING = [(op, name) for op in registry.op_names() for name in registry.backend_names(op)]
QUICK = Options(quick=True, bounds=False)


SINGLE = ("float32",)
TELLING = {("conv2d", "naive", DTYPES), ("relu", "direct", DTYPES)}
"""Those that run by default: a backend with weights, and one without. All of them pass on the whole grid in .ci/run."""


@cache
def report_of(op: str, name: str, dtypes: tuple[str, ...] = DTYPES) -> Report:
    """On a sample of the grid; the whole one is a step of its own in .ci/run."""
    [found] = check_backends([(op, name)], replace(QUICK, dtypes=dtypes))
    return found


@pytest.mark.jit
@parametrize(
    "op, name, dtypes",
    [("max_pool2d", "direct", SINGLE), *((*one, DTYPES) for one in EVERYTHING)],
    quick=TELLING,
)
def test_every_backend_passes(op: str, name: str, dtypes: tuple[str, ...]) -> None:
    """Of nbcnn's own; those of the plugins folder are checked in tests/shipped_plugins."""
    report = report_of(op, name, dtypes)
    assert not report.failures, [str(failure) for failure in report.failures]
    assert report.passed > 45 * len(dtypes)
    made = {check for check, tally in report.tallies.items() if tally.passed}
    assert made >= {"contract", "rounding", "repeats", "jacobian", "not a number", "threads"}
    if has_sums(definition(op)):
        assert "whole numbers" in made
    if op in ("conv2d", "linear"):
        assert made >= {"adjoint", "network"}
    assert not any("left out" in note for note in report.notes), report.notes


@exhaustive
@pytest.mark.jit
def test_what_backends_refuse_is_said_with_numbers() -> None:
    naive, direct, pointwise, fft = (report_of("conv2d", name) for name in ("naive", "direct", "pointwise", "fft"))
    assert any("it can only do 1×1" in reason for reason in pointwise.refused)
    assert sum(pointwise.refused.values()) == pointwise.tally("refusals").passed
    assert not naive.refused
    assert fft.tolerance > 0
    assert direct.tolerance == 0
    worst = fft.tally("rounding").worst
    assert worst is not None
    assert 0 < worst < 1


# The grid


def test_every_op_can_be_checked() -> None:
    assert set(OPS) == set(registry.op_names())


def test_an_op_without_an_oracle_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class New(SimpleBackend):
        """nothing"""

    monkeypatch.setitem(registry.backends("cube")._things, "new", New)
    with pytest.raises(
        KernelError,
        match=r"cube can't be checked: nothing says what it computes .of these ops it is known: adaptive_avg_pool2d",
    ):
        check_backend("cube", "new", QUICK)
    registry.backend.cache_clear()


def test_the_grid_of_convolutions_is_whole() -> None:
    cases, left_out = grid("conv2d")
    whole = len(KERNELS) * len(STRIDES) * len(PADDINGS) * len(DILATIONS) * len(GROUPS) * 2
    of_grid = cases[: -len(CONV2D)]
    assert 0 < left_out < whole / 10
    assert len(set(of_grid)) == len(of_grid)
    assert whole - 30 < len(of_grid) + left_out < whole  # same padding is sometimes one of the others
    assert {case.problem.kernel_size for case in of_grid} == set(KERNELS)
    combined = Counter(
        (p.kernel_size, p.stride[0], p.dilation[0], p.groups, bias) for p, bias in of_grid if p.kernel_size != (7, 7)
    )
    assert len(combined) == 6 * 3 * 2 * 3 * 2
    assert min(combined.values()) >= len(PADDINGS) - 1
    for case in of_grid:
        assert min(case.problem.y_shape) > 0


def test_same_padding_keeps_the_size() -> None:
    same = [case.problem for case in grid("conv2d").cases if described(case).startswith("5×5 stride 1 padding 2 dil")]
    assert same
    for problem in same:
        assert problem.y_shape[1:] == tuple(
            n - 4 * (d - 1) for n, d in zip(problem.x_shape[1:], problem.dilation, strict=True)
        )


def test_a_quick_run_meets_every_number_of_every_axis() -> None:
    problems = [case.problem for case in grid("conv2d", quick=True).cases[:92]]
    for kernel in KERNELS:
        assert any(p.kernel_size == kernel for p in problems), kernel
    assert {(p.stride[0], p.dilation[0]) for p in problems} == set(product(STRIDES, DILATIONS))
    assert {(p.stride[0], p.groups) for p in problems} == set(product(STRIDES, (1, 2, 3)))
    assert {case.bias for case in grid("conv2d", quick=True).cases} == {True, False}


def test_pooling_meets_all_its_numbers() -> None:
    means = [case.problem for case in grid("avg_pool2d").cases]
    assert {(p.count_include_pad, p.ceil_mode) for p in means} == set(product((True, False), repeat=2))
    largest = [case.problem for case in grid("max_pool2d").cases]
    assert {(p.dilation[0], p.ceil_mode) for p in largest} == set(product((1, 2), (True, False)))


# Words


def test_how_problems_are_said() -> None:
    problem = Conv2dProblem(4, 6, 8, 9, (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), 2)
    said = "3×3 stride 2 padding 1 dilation 1 groups 2, bias (4→6 channels, 8×9 pixels, float32)"
    assert described(Case(problem)) == said
    odd = Conv2dProblem(1, 1, 8, 9, (3, 2), (2, 1), (1, 0, 2, 1), (1, 3), dtype="float64")
    assert described(Case(odd, bias=False)).startswith("3×2 stride 2×1 padding 1/0/2/1 dilation 1×3 groups 1, no bias")
    assert described(Case(LinearProblem(3, 4))) == "3→4, bias (float32)"
    pool = Pool2dProblem("avg_pool2d", 2, 5, 6, (2, 2), (2, 2), count_include_pad=False, ceil_mode=True)
    assert "ceil_mode padding not counted (2 channels, 5×6 pixels" in described(Case(pool))


def test_refusals_of_the_same_words_are_counted_together() -> None:
    report = Report("conv2d", "picky", "picky.py")
    for number in (2, 3, 5):
        report.refuse(f"groups is {number}, it can only do 1")
    report.refuse("the kernel is 7×7, it can only do 1×1")
    assert report.refused == {"groups is 2, it can only do 1": 3, "the kernel is 7×7, it can only do 1×1": 1}


def test_a_comparison() -> None:
    wanted = np.array([1.0, -np.inf, np.nan, 0.0])
    assert compare(wanted.copy(), wanted, 0.0).right
    assert compare(np.array([1.0, -np.inf, np.nan, np.nan]), wanted, 1.0).wrong.tolist() == [False] * 3 + [True]
    verdict = compare(np.array([1.5, -np.inf, np.nan, 0.25]), wanted, 1.0)
    assert verdict.right
    assert verdict.worst == 0.5
    assert compare(np.array([1.0, np.inf, np.nan, 0.0]), wanted, 1.0).wrong.tolist() == [False, True, False, False]


def test_both_numbers_are_told_with_the_same_precision() -> None:
    got, wanted = np.array([0.7207831], "float32"), np.array([-0.022955953650690475])
    words = "db is wrong everywhere, first at channel 0: got 0.7207831, wanted -0.022955954"
    assert mismatch("db", got, wanted, np.array([True])) == words
    near = mismatch("db", np.array([0.1], "float32"), np.array([0.1]), np.array([True]))
    assert near.endswith("got 0.1, wanted 0.1")


@exhaustive
@pytest.mark.jit
def test_numbers_out_of_range_warn_of_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Huge(Naive):
        def build(self, problem: Conv2dProblem) -> Any:
            def forward(x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
                y[...] = np.finfo(y.dtype).max

            return super().build(problem)._replace(forward=forward)

    monkeypatch.setitem(registry.backends("conv2d")._things, "huge", Huge)
    monkeypatch.setattr(grids, "QUICKLY", 10**6)
    report = check_backend("conv2d", "huge", QUICK)  # a warning would be an error here
    registry.backend.cache_clear()
    assert report.tally("whole numbers").failed


def test_a_fence() -> None:
    fence = GuardedArrays()
    array, kept = fence.output("y", (2, 3), "float32"), fence.input("x", np.arange(4.0))
    array[...] = 1
    assert fence.breaches() == []
    kept[1] = 7
    np.lib.stride_tricks.as_strided(array, (7,), (4,))[6] = 0
    assert fence.breaches() == ["something was written after y", "the input x was changed"]
    with pytest.raises(AssertionError, match="something was written after y"):
        fence.check()


@pytest.mark.jit
def test_patience_has_an_end() -> None:
    report = check_backend("conv2d", "naive", Options(quick=True, bounds=False, patience=0.01))
    assert report.problems < 100
    [failure] = report.failures
    assert re.match(
        r"contract: it is too slow: [\d,]+ of 252 problems took .* s, the rest was left out; is", str(failure)
    )


def test_a_backend_of_no_file_is_left_out_of_the_other_process(monkeypatch: pytest.MonkeyPatch) -> None:
    from nbcnn.conformance.out_of_bounds import check_bounds

    report = Report("conv2d", "mine", __file__)
    assert check_bounds([report], 0, 60.0) == [report]
    assert report.notes == ["out of bounds: left out, only what a file registers can be run in another process"]


# The command


def test_who_is_meant() -> None:
    assert chosen(None) == [(op, name) for op in registry.op_names() for name in registry.backend_names(op)]
    assert chosen("linear") == [("linear", "direct"), ("linear", "naive")]
    assert chosen("naive") == [("conv2d", "naive"), ("linear", "naive")]
    assert chosen("naive", "conv2d") == chosen("conv2d=naive") == [("conv2d", "naive")]
    assert {name for _, name in chosen("direct")} == {"direct"}


@pytest.mark.parametrize(
    ("what", "op", "words"),
    [
        ("dirct", None, r"unknown backend or op 'dirct': did you mean direct\? .*, or load the plugin that has it"),
        ("conv2d=nave", None, r"unknown backend 'nave' for conv2d: did you mean naive\?"),
        ("conv=naive", None, r"unknown op 'conv': did you mean conv2d\?"),
        (None, "conv", r"unknown op 'conv': did you mean conv2d\?"),
        ("fft", "linear", "fft has nothing to check for linear; leave out --op, or choose another"),
    ],
)
def test_nobody_is_meant(what: str | None, op: str | None, words: str) -> None:
    with pytest.raises(KernelError, match=words):
        chosen(what, op)


def run(*words: str) -> Any:
    return CliRunner().invoke(command_line, ["kernels", "check", *words])


@pytest.mark.jit
def test_the_table() -> None:
    done = run("relu")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "relu=direct: 18 problems, has to be exact"
    assert [line.split("  ")[1] for line in lines[2:-2]] == [
        check for check in CHECKS if check not in ("adjoint", "refusals")
    ]
    assert re.fullmatch(r"\d{3} checks of 1 backend passed, 0 refused with a reason, 0 failed", lines[-1])
    assert max(len(line) for line in lines) <= 100
    told = done.stderr.splitlines()
    assert told[0] == "checking out of bounds"
    assert {"checking out of bounds, relu=direct", "checking relu", "checking threads and more, relu=direct"} <= {*told}


def test_progress_without_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter((100.0, 101.0, 111.0, 111.0, 112.0, 113.0))
    monkeypatch.setattr("time.monotonic", clock.__next__)
    lines = Lines()
    for phase, done in (("conv2d", 1), ("conv2d", 20), ("conv2d", 1000), ("conv2d", 1001), ("relu", 1)):
        lines(phase, done, 1934)
    assert capsys.readouterr().err.splitlines() == [
        "checking conv2d",
        "checking conv2d, 1,000 of 1,934",
        "checking relu",
    ]


def test_a_note_is_told_from_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report("relu", "own", "own.py", problems=1, notes=["no failure: long sums round more"])
    report.fail("rounding", "y is wrong")
    _show(report)
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines.index("FAILED rounding: y is wrong") < lines.index("note: no failure: long sums round more")


@pytest.mark.jit
def test_json() -> None:
    done = run("tanh", "--json", "--dtype", "float32", "--seed", "3", "--threads", "2")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["failed"], told["seed"], told["quick"]) == (0, 3, False)
    [backend] = told["backends"]
    assert (backend["op"], backend["name"], backend["problems"], backend["failures"]) == ("tanh", "direct", 9, [])
    assert backend["passed"] == sum(tally["passed"] for tally in backend["tallies"].values()) == told["passed"]


def test_usage_errors() -> None:
    assert run("relu", "--threads", "1").exit_code == 2
    assert run("relu", "--dtype", "float16").exit_code == 2


@pytest.mark.jit
def test_failures_are_lines_of_100_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(Naive):
        def build(self, problem: Conv2dProblem) -> Any:
            right = super().build(problem)
            return right._replace(forward=lambda x, w, b, y, scratch: right.forward(x, w, 0 * b, y, scratch))

    monkeypatch.setattr("nbcnn.conformance.checks._check_more", lambda *_: None)  # seconds, and no other lines
    monkeypatch.setitem(registry.backends("conv2d")._things, "wrong", Wrong)
    done = run("conv2d=wrong", "--quick", "--dtype", "float32")
    registry.backend.cache_clear()
    assert done.exit_code == 1
    assert max(len(line) for line in done.stdout.splitlines()) <= 100
    text = " ".join(done.stdout.split())
    left_out = grid("conv2d").left_out
    assert f"left out {left_out} combinations in which the kernel does not fit into the padded image" in text
    assert "FAILED whole numbers: y is wrong everywhere, first at channel 0, row 0, column 0, image 0: got" in text
    assert "it equals the result without the bias" in text
    assert "whole numbers of y and rounding of y fail only where there is a bias" in text
    assert re.search(r"and \d+ more failures of these kinds in .*test_suite.py", text)
    assert re.search(r"passed, 0 refused with a reason, \d+ failed$", text)
