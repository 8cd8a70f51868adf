"""The text of ``nbcnn explain conv``: every number of a trace, so that it can be added up again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from nbcnn.cli._tables import WIDEST
from nbcnn.report.trace_tile import tile_steps, tile_words
from nbcnn.report.trace_words import (
    complex_number,
    heads,
    matrix_words,
    number,
    outcome_rows,
    place_words,
    size_words,
    spectra_words,
    sum_words,
    term_rows,
)
from nbcnn.util.formatting import in_a_sentence

if TYPE_CHECKING:
    import numpy as np

    from nbcnn.introspect.trace.conv2d import ConvTrace

MOST = 8
"""Rows and columns of a matrix that are printed, and numbers of a long row."""


def lines(trace: ConvTrace) -> Iterator[str]:
    """All lines."""
    yield f"{trace.words}"
    yield in_a_sentence(trace.problem)
    for line in size_words(trace):
        yield from _folded(line, "  ")
    yield ""
    yield from _folded(place_words(trace), "")
    yield ""
    yield from _direct_sum(trace)
    yield ""
    yield from _matrix(trace)
    yield ""
    yield from _spectra(trace)
    yield ""
    yield from _tile(trace)
    yield ""
    yield "all backends of conv2d on it, multiply-adds of the whole layer for one of 16 images together:"
    yield from _aligned(outcome_rows(trace), words=1)
    refused = [outcome for outcome in trace.outcomes if outcome.refusal]
    for outcome in refused:
        yield from _folded(f"{outcome.backend} can't do it: {outcome.refusal}", "  ")


def _direct_sum(trace: ConvTrace) -> Iterator[str]:
    yield from _folded(f"1. the direct sum, {sum_words(trace).head}", "")
    start = [*[""] * (len(heads(trace)) - 2), "begins with", number(trace.sum.start)]
    table = [heads(trace), start, *term_rows(trace)]
    yield from _aligned(table, words=0)
    for line in sum_words(trace).end:
        yield from _folded(line, "  ")


def _matrix(trace: ConvTrace) -> Iterator[str]:
    yield from _folded(f"2. as a matrix product (im2col): {matrix_words(trace)}", "")
    form = trace.matrix
    yield f"  row     {_row(form.left_row)}"
    yield f"  column  {_row(form.right_column)}"


def _spectra(trace: ConvTrace) -> Iterator[str]:
    yield from _folded(f"3. as a product of spectra (fft): {spectra_words(trace)}", "")
    if (form := trace.spectra) is None:
        return
    other = "kernel" if trace.direction == "forward" else "dy"
    for name, spectrum in (("x", form.x), (other, form.factor), ("product", form.product)):
        part = spectrum[:4, :4]
        less = "" if part.shape == spectrum.shape else f", the lowest {part.shape[0]}×{part.shape[1]} frequencies"
        yield f"  spectrum of {name}{less}:" if name != "product" else f"  product, the second conjugated{less}:"
        yield from _aligned([[complex_number(z) for z in row] for row in part], words=0, indent=4)


def _tile(trace: ConvTrace) -> Iterator[str]:
    yield from _folded(f"4. as a Winograd tile: {tile_words(trace)}", "")
    for step in tile_steps(trace):
        yield f"  {step.words}:"
        yield from _aligned([[number(float(n) + 0.0) for n in row] for row in step.matrix], words=0, indent=4)


def _row(numbers: np.ndarray) -> str:
    shown = "  ".join(number(float(n)) for n in numbers[:MOST])
    return shown + (f"  … {len(numbers):,} numbers, those of the sum above" if len(numbers) > MOST else "")


def _aligned(rows: Sequence[Sequence[str]], words: int, indent: int = 2) -> Iterator[str]:
    """Rows in columns; the first ``words`` columns stand on the left, numbers on the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if k < words else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield (" " * indent + "  ".join(cells)).rstrip()


def _folded(text: str, indent: str) -> list[str]:
    return wrap(text, WIDEST, initial_indent=indent, subsequent_indent=indent + "   ", break_on_hyphens=False)
