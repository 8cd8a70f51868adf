"""Pictures of a convolution's trace, one for each way to compute the number."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from nbcnn.report.figure import BLUE, DPI, GREY, ORANGE, look, save, shorten
from nbcnn.report.trace_tile import tile_steps, tile_words
from nbcnn.report.trace_words import brief, matrix_words, number, spectra_words

if TYPE_CHECKING:
    from nbcnn.introspect.trace.conv2d import ConvTrace

NUMBERED = 8
"""Rows and columns up to which a matrix is drawn with its numbers."""
MOST_IN_A_ROW = 5
"""Panels beside each other; of more there are two rows."""
_SIZE, _HIGH = (11.0, 4.6), 0.54  # inches; the panels' share of the height

Panel = tuple[str, np.ndarray, tuple[int, int, int, int] | None]
"""A title, a matrix, and what of it is outlined: first row, first column, rows, columns."""


def draw_trace(trace: ConvTrace, folder: Path) -> list[Path]:
    """Write conv-1-direct.png and so on into a folder; raises CheckpointError where one can't be written.

    A way that can't do the layer has no picture.
    """
    pictures = {"conv-1-direct.png": _direct(trace), "conv-2-im2col.png": _matrix(trace)}
    if trace.spectra is not None:
        pictures["conv-3-fft.png"] = _spectra(trace)
    if trace.tile is not None:
        pictures["conv-4-winograd.png"] = _tile(trace)
    for name, (title, words, panels, between) in pictures.items():
        _draw(folder / name, f"{title}: {trace.words}", words, panels, between)
    return [folder / name for name in pictures]


Drawing = tuple[str, str, list[Panel], list[str]]
"""A title, a sentence, panels, and the signs between them."""


def _direct(trace: ConvTrace) -> Drawing:
    terms, p = trace.sum.terms, trace.problem
    if trace.direction == "forward":
        rows, columns = p.kernel_size
        channels = p.in_channels // p.groups
        (top, bottom, left, right), first = p.padding, terms[0].pixel
        x = np.pad(trace.x[first[0]], ((top, bottom), (left, right)))
        at = first[1] + top, first[2] + left, (rows - 1) * p.dilation[0] + 1, (columns - 1) * p.dilation[1] + 1
        what, other = f"x, channel {first[0]}" + (", padded" if any(p.padding) else ""), "kernel"
    else:
        rows, columns = p.y_shape[1:]
        channels, x, at = 1, trace.x[terms[0].pixel[0]], None
        what, other = f"x, channel {terms[0].pixel[0]}", "dy"
    own = terms[: rows * columns]
    met, factor, made = (
        np.array([getattr(term, name) for term in own]).reshape(rows, columns) for name in ("x", "factor", "product")
    )
    part = f", of channel {terms[0].pixel[0]}, the first of {channels}" if channels > 1 else ""
    bits = ", the bits of the engine" if trace.same_bits else f"; the engine computed {number(trace.engine)}"
    begin = f"{number(trace.sum.start)} (bias) + " if trace.direction == "forward" else ""
    words = f"{begin}{len(terms):,} products = {number(trace.sum.total)}{bits}"
    panels: list[Panel] = [(what, x, at), ("met", met, None), (other, factor, None), (f"products{part}", made, None)]
    return "Direct sum", words, panels, ["→", "·", "="]


def _matrix(trace: ConvTrace) -> Drawing:
    form = trace.matrix
    left, right = np.array([form.left_row]).T, np.array([form.right_column]).T
    with np.errstate(all="ignore"):
        made = left * right
    names = ("row, standing", "column", "products")
    panels: list[Panel] = [(name, matrix, None) for name, matrix in zip(names, (left, right, made), strict=True)]
    return "Matrix product", matrix_words(trace), panels, ["·", "="]


def _spectra(trace: ConvTrace) -> Drawing:
    form = trace.spectra
    assert form is not None
    other = "kernel" if trace.direction == "forward" else "dy"
    matrices = (("|x̂|", form.x), (f"|{other}|", form.factor), ("|product|", form.product))
    panels: list[Panel] = [(name, np.abs(z), None) for name, z in matrices]
    if max(form.frame) > NUMBERED:  # the lowest frequencies are the largest by far
        shown = (np.log1p(np.fft.fftshift(size, axes=0)) for _, size, _ in panels)
        panels = [(f"log {name}", size, None) for (name, *_), size in zip(panels, shown, strict=True)]
    return "Product of spectra", spectra_words(trace), panels, ["·", "="]


def _tile(trace: ConvTrace) -> Drawing:
    steps = tile_steps(trace)
    panels: list[Panel] = [
        (step.short, step.matrix + 0.0, (*step.place, 1, 1) if step.place else None) for step in steps
    ]
    return "Winograd tile", tile_words(trace), panels, [step.sign for step in steps[1:]]


def _draw(path: Path, title: str, words: str, panels: list[Panel], between: list[str]) -> None:
    rows = 2 if len(panels) > MOST_IN_A_ROW else 1
    width, below, high = _SIZE[0], 0.27 * _SIZE[1], _HIGH * _SIZE[1]  # inches
    height = _SIZE[1] + (rows - 1) * (high + 0.75)
    in_a_row = -(-len(panels) // rows)
    with look():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(width, height), dpi=DPI)
        figure.text(0.02, 1 - 0.276 / height, shorten(title, width * 0.84, 12), fontsize=12, fontweight="bold")
        figure.text(0.02, 0.138 / height, fill(words, 150), fontsize=8.5, color=GREY, va="bottom")
        share = 0.96 / in_a_row
        for n, panel in enumerate(panels):
            row, column = divmod(n, in_a_row)
            low = below + (rows - 1 - row) * (high + 0.75)
            left = 0.02 + column * share
            axes = figure.add_axes((left + 0.015, low / height, share - 0.045, high / height))
            _panel(axes, panel, (share - 0.045) * width)
            if n:
                middle = (low + high / 2) / height
                figure.text(left - 0.008, middle, between[n - 1], fontsize=15, ha="center", va="center")
        save(figure, path)


def _panel(axes: Any, panel: Panel, inches: float) -> None:
    title, matrix, outlined = panel
    axes.set_title(shorten(title, inches * 1.05, 9), fontsize=9, fontweight="normal", loc="center")
    finite = matrix[np.isfinite(matrix)]
    if max(matrix.shape) > NUMBERED:
        axes.imshow(matrix, cmap="gray", aspect="auto" if matrix.shape[1] == 1 else "equal", interpolation="nearest")
    else:
        largest = float(np.abs(finite).max(initial=0)) or 1.0
        axes.imshow(matrix, cmap="PuOr_r", vmin=-largest * 2, vmax=largest * 2)  # pale, so that numbers can be read
        texts = {place: brief(float(value)) for place, value in np.ndenumerate(matrix)}
        cell = min(inches / matrix.shape[1], _HIGH * _SIZE[1] / matrix.shape[0])
        size = min(9.0, 72 * cell / (0.68 * max(map(len, texts.values()))))
        for (r, q), text in texts.items():
            axes.text(q, r, text, fontsize=size, ha="center", va="center")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel(f"{matrix.shape[0]}×{matrix.shape[1]}", fontsize=8, color=GREY)
    if outlined:
        from matplotlib.patches import Rectangle

        row, column, rows, columns = outlined
        colour = ORANGE if max(matrix.shape) > NUMBERED else BLUE
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), columns, rows, fill=False, edgecolor=colour, linewidth=2))
