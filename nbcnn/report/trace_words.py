"""The sentences and rows of a convolution's trace, the same on the terminal, in the pictures and on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from nbcnn.introspect.trace.conv2d import ConvTrace

FRACTION = 5
"""Digits of a number in a picture or a small table; the terms of the direct sum have all of theirs."""


class SumWords(NamedTuple):
    """What stands above the terms of a direct sum, and below them."""

    head: str
    end: tuple[str, ...]


def number(value: float) -> str:
    """The shortest text that gives this float32 again: ``0.1``, ``19``, ``-2.5e-08``."""
    import numpy as np

    return _short(str(np.float32(value)))


def product(value: float) -> str:
    """The shortest text that gives this float64, which holds a product of two float32 exactly."""
    return _short(repr(float(value)))


def brief(value: float) -> str:
    """A few digits, where there is no room for all: in pictures."""
    return _short(f"{value:.{FRACTION - 1}g}")


def complex_number(value: complex) -> str:
    """``1.5-2i``, in a few digits."""
    return f"{brief(value.real)}{'-' if value.imag < 0 else '+'}{brief(abs(value.imag))}i"


def size_words(trace: ConvTrace) -> list[str]:
    """The output size by its formula, and what the floor drops."""
    return [line for size in trace.sizes for line in (size.formula, size.words()) if line]


def place_words(trace: ConvTrace) -> str:
    """Which number is traced, and where its factors come from."""
    p, at = trace.problem, trace.at
    group = at[0] // (p.out_channels // p.groups)
    per_group = p.in_channels // p.groups
    last = (group + 1) * per_group - 1
    several = f"channels {group * per_group} to {last}" if per_group > 1 else f"channel {last}"
    channels = f"input {several} (group {group})"
    if trace.direction == "forward":
        o, i, j = at
        first = [n * s - before for n, s, before in zip((i, j), p.stride, p.padding[::2], strict=True)]
        where = f"the window begins at row {first[0]}, column {first[1]} of the image"
        seen = f", {channels}" if p.groups > 1 else ""
        return f"output pixel y[{o},{i},{j}], channel {o}, row {i}, column {j}: {where}{seen}"
    o, c, a, k = at
    absolute = f", channel {group * per_group + c} of the input" if p.groups > 1 else ""
    return (
        f"gradient dw[{o},{c},{a},{k}] of the weight from input channel {c}{absolute} to output channel {o}, tap "
        f"row {a}, column {k}: each output pixel's gradient dy times the pixel that the tap meets there"
    )


def heads(trace: ConvTrace) -> list[str]:
    """The columns of the terms."""
    if trace.direction == "forward":
        return ["c", "a", "k", "row", "column", "x", "w", "product", "sum"]
    return ["i", "j", "row", "column", "x", "dy", "product", "sum"]


def term_rows(trace: ConvTrace) -> list[list[str]]:
    """A row for each term, every number in all of its digits; where a block begins anew, a row says so."""
    rows, block = list[list[str]](), 0
    for term in trace.sum.terms:
        if term.block != block:
            block = term.block
            rows.append([*[""] * (len(heads(trace)) - 2), f"block {block + 1}", "0"])
        x = "padding" if term.padding else number(term.x)
        place = [*map(str, term.indices), str(term.pixel[1]), str(term.pixel[2])]
        made = "0" if term.padding else product(term.product) if trace.sum.fused else number(term.product)
        rows.append([*place, x, number(term.factor), made, number(term.sum)])
    return rows


def sum_words(trace: ConvTrace) -> SumWords:
    """How many terms there are, how they are rounded, and that they add up."""
    s, p = trace.sum, trace.problem
    outside = sum(term.padding for term in s.terms)
    count = len(s.terms)
    equation = 1 if trace.direction == "forward" else 4
    skipped = f", {outside} of them padding" if outside else ""
    rounding = (
        "a product is exact and rounded once, together with the sum that it is added to (FMA)"
        if s.fused
        else "a product is rounded, then the sum that it is added to: this machine has no FMA here"
    )
    head = f"equation ({equation}): {count:,} multiply-adds{skipped}; {rounding}"
    end = []
    if len(s.blocks) > 1:
        parts = " + ".join(number(one) for one in s.blocks)
        end.append(f"a long sum is taken in blocks, whose sums are added in their order: {parts} = {number(s.total)}")
    same = "the same bits" if trace.same_bits else f"not the same bits: {number(s.total)}"
    end.append(f"sum {number(s.total)}; the engine (direct) computed {number(trace.engine)}: {same}")
    if 1 < p.groups < p.in_channels and trace.direction == "forward":
        end.append(f"c counts the {p.in_channels // p.groups} input channels of the group")
    return SumWords(head, tuple(end))


def matrix_words(trace: ConvTrace) -> str:
    """Which row and column of which matrices."""
    form, (value, error) = trace.matrix, result(trace, "im2col")
    left, right = ("W", "the windows") if trace.direction == "forward" else ("dY", "the windows, turned")
    group = "of the group " if trace.problem.groups > 1 else ""
    bias = " plus the bias" if trace.direction == "forward" else ""
    return (
        f"row {form.row} of {left} {group}({form.left[0]}×{form.left[1]}) times column {form.column} of {right} "
        f"({form.right[0]}×{form.right[1]}){bias}, {form.macs:,} multiply-adds in an order that BLAS chooses; "
        f"im2col gives {value}, {error}"
    )


def spectra_words(trace: ConvTrace) -> str:
    """The frame, the transforms and their cost."""
    if (form := trace.spectra) is None:
        return f"fft can't do it: {refusal(trace, 'fft')}"
    rows, columns = form.frame
    value, error = result(trace, "fft")
    if trace.direction == "forward":
        p = trace.problem
        planes = (
            f"{form.channels} channels of x and {form.channels} kernels" if form.channels > 1 else "x and the kernel"
        )
        whole, bias = f"all {p.out_height}×{p.out_width} pixels of the channel at once", " plus the bias"
    else:
        planes, whole, bias = "x and dy", "all weights of the kernel at once", ""
    return (
        f"frames of {rows}×{columns}, the powers of two that hold the padded image; transforms of {planes}, a product "
        f"for each of {rows}×{columns // 2 + 1} frequencies, one inverse: {form.macs:,} multiply-adds for {whole}. The "
        f"number at row {form.place[0]}, column {form.place[1]} of the inverse, by {rows * columns:,}{bias}; fft gives "
        f"{value}, {error}"
    )


def outcome_rows(trace: ConvTrace) -> list[list[str]]:
    """A row for each backend that can do it: result, distance from float64, multiply-adds; the layer's own has a >."""
    rows = [["  backend", "result", "off float64", "last places", "multiply-adds"]]
    for one in trace.outcomes:
        if one.value is None or one.error is None or one.last_places is None or one.macs is None:
            continue
        mark = "> " if one.backend == trace.backend else "  "
        off = "0" if one.error == 0 else f"{one.error:+.1e}"
        rows.append([mark + one.backend, number(one.value), off, f"{one.last_places:.2f}", f"{one.macs:,.0f}"])
    return rows


def result(trace: ConvTrace, backend: str) -> tuple[str, str]:
    """A backend's number, and how far it is off."""
    one = next(outcome for outcome in trace.outcomes if outcome.backend == backend)
    assert one.value is not None and one.error is not None and one.last_places is not None
    if one.error == 0:
        return number(one.value), "exact"
    return number(one.value), f"off the float64 sum by {abs(one.error):.1e} ({one.last_places:.2f} last places)"


def refusal(trace: ConvTrace, backend: str) -> str | None:
    """Why a backend can't do it; None where it can."""
    return next((one.refusal for one in trace.outcomes if one.backend == backend), None)


def _short(text: str) -> str:
    return text.removesuffix(".0")
