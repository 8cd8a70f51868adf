"""The plot of the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nbcnn.data.classes import OTHER
from nbcnn.errors import DataError
from nbcnn.report.figure import DPI, GREY, look, save, shorten

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

_ANNOTATED = 30
"""With more classes than this the numbers would be too small to read; the colour stays."""

_SMALL = 20
"""With more classes than this the numbers are in smaller type."""

_LEGIBLE = 4.5
"""Points; numbers with so many digits that they would have to be smaller are left out."""

_LABELS = 60
"""With more classes than this only every second, fifth, … name has room."""


def draw_confusion(matrix: np.ndarray, classes: Sequence[str], path: str | Path, of: str | None = None) -> None:
    """Draw a confusion matrix (K, K) of counts into a PNG file: a row is a true class, a column a guess.

    One more column, (K, K + 1), is for guesses that are none of the classes. The colour is the share of the row, the
    number is the count. ``of`` says whose guesses these are, for instance "best checkpoint (epoch 3)". Raises DataError
    when ``classes`` and ``matrix`` do not fit, CheckpointError when the file can't be written.
    """
    import numpy as np

    counts = np.asarray(matrix)
    k = len(classes)
    if counts.shape not in ((k, k), (k, k + 1)):
        raise DataError(f"a confusion matrix of {k} classes is ({k}, {k}) or ({k}, {k + 1}), not {counts.shape}")
    columns = [*classes, OTHER][: counts.shape[1]]
    rows = counts.sum(axis=1, keepdims=True)
    share = counts / np.maximum(rows, 1)
    total, right = int(counts.sum()), int(np.trace(counts))
    with look():
        from matplotlib.colors import PowerNorm
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        side = min(3.2 + (0.52 if k <= _ANNOTATED else 0.16) * k, 15.0)
        figure = Figure(figsize=(side + 1.9, side + 0.9), dpi=DPI, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1))
        axes = figure.subplots()
        # The root spreads the small shares, which are the mistakes that one looks for.
        image = axes.imshow(share, cmap="Blues", norm=PowerNorm(0.5, vmin=0, vmax=1))
        bar = figure.colorbar(image, ax=axes, shrink=0.8, aspect=30, pad=0.02, ticks=[0, 0.01, 0.05, 0.2, 0.5, 1])
        bar.ax.set_yticklabels(["0", "1 %", "5 %", "20 %", "50 %", "100 %"], fontsize=9)
        bar.outline.set_visible(False)
        bar.set_label("share of the true class", fontsize=9, color=GREY)
        _name_axes(axes, classes, columns)
        if k <= _ANNOTATED:
            _write_counts(axes, counts, share)
        title = f"{100 * right / total:.2f} % right, of {total:,} images" if total else "no images"
        axes.set_title(title, fontsize=12, pad=26 if of else 10)
        if of:
            line = shorten(of, 0.45 * figure.get_figwidth(), 10)
            axes.annotate(line, (0, 1), (0, 10), "axes fraction", "offset points", fontsize=10, color=GREY)
        save(figure, path)


def _name_axes(axes: Axes, classes: Sequence[str], columns: Sequence[str]) -> None:
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 10**9) if len(classes) / s <= _LABELS)
    size = 9.5 if len(classes) <= _SMALL else 7.5 if len(classes) <= _ANNOTATED else 7
    names = [shorten(name, 1.8, size) for name in classes]
    places = list(range(0, len(classes), step))
    more = list(range(len(classes), len(columns)))
    across = [*names[::step], *columns[len(classes) :]]
    axes.set_xticks(places + more, across, rotation=45, ha="right", rotation_mode="anchor", fontsize=size)
    axes.set_yticks(places, names[::step], fontsize=size)
    axes.tick_params(length=0)
    axes.set_xlabel("guess", fontsize=11, labelpad=8)
    axes.set_ylabel("true class", fontsize=11, labelpad=8)
    axes.spines[:].set_visible(False)
    if len(classes) <= _LABELS:
        for edge in range(1, len(classes)):
            axes.axhline(edge - 0.5, color="white", linewidth=1)
        for edge in range(1, len(columns)):
            axes.axvline(edge - 0.5, color="white", linewidth=1)


def _write_counts(axes: Axes, counts: np.ndarray, share: np.ndarray) -> None:
    """The counts, light on dark cells and dark on light ones; a zero is left out, so that mistakes stand out."""
    digits = len(str(int(counts.max(initial=0))))
    size = min(9.0, (36 if len(counts) <= _SMALL else 30) / digits)
    if size < _LEGIBLE:
        return
    for (i, j), number in _cells(counts):
        colour = "white" if share[i, j] > 0.35 else "black"
        weight = "bold" if i == j else "normal"
        axes.text(j, i, f"{number}", ha="center", va="center", fontsize=size, color=colour, fontweight=weight)


def _cells(counts: np.ndarray) -> list[tuple[tuple[int, int], int]]:
    rows, columns = counts.shape
    return [((i, j), int(counts[i, j])) for i in range(rows) for j in range(columns) if counts[i, j]]
