"""The picture of shifts: each layer's error of equivariance and of invariance, and where on the image it errs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nbcnn.report.figure import GREY, look, save, shorten
from nbcnn.report.image_panels import SIDE, Panel, add_image, fitted, from_zero, legend, new_figure, write

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

_NAME, _CELL_W, _ROW, _HEAD, _MAP, _GAP, _PER_ROW = 2.1, 0.52, 0.24, 1.15, 1.15, 0.25, 6  # inches, and maps a row
_WIDTH, _LEAST = 9.0, 1.4  # of the figure, and from one table to the next at least
MAPS = 12
"""Maps that are drawn at most, evenly spread over the layers."""


class ShiftRow(NamedTuple):
    """A layer's name, its errors for each shift inside the image and everywhere in the same place, and its map."""

    name: str
    inside: np.ndarray
    changed: np.ndarray
    exact: np.ndarray
    map: np.ndarray | None
    map_shift: int


def draw_equivariance(rows: Sequence[ShiftRow], changed: np.ndarray, path: str | Path, title: str) -> None:
    """Draw tables of errors, a row for each layer, and maps of errors by place, into a PNG file.

    ``changed`` (K,) is the share of predictions that each shift changes. Raises CheckpointError when the file can't be
    written.
    """
    import numpy as np

    maps = [row for row in rows if row.map is not None]
    maps = [maps[k * len(maps) // min(MAPS, len(maps))] for k in range(min(MAPS, len(maps)))]
    lines = -(-len(maps) // _PER_ROW)
    shifts = len(changed)
    width = max(_WIDTH, 2 * SIDE + _NAME + 2 * shifts * _CELL_W + _GAP)
    table = _HEAD + len(rows) * _ROW
    height = table + 0.8 + (lines * (_MAP + 0.45) + 0.3 if maps else 0) + 0.2
    with look():
        figure = new_figure(width, height)
        write(figure, SIDE, 0.3, title, 11)
        shares = ", ".join(f"{share:.1%} by {n}" for n, share in enumerate(changed, 1))
        write(figure, SIDE, 0.58, f"predicted classes that a shift of so many pixels changes: {shares}")
        for number, words in enumerate(("not equivariant", "not invariant")):
            left = SIDE + _NAME + number * max(shifts * _CELL_W + _GAP, _LEAST)
            write(figure, left, _HEAD - 0.26, words, 9, fontweight="bold")
            for shift in range(shifts):
                write(figure, left + (shift + 0.5) * _CELL_W, _HEAD - 0.07, f"{shift + 1}", 8, ha="center", color=GREY)
            errors = [row.changed if number else row.inside for row in rows]
            _table(figure, left, errors, [np.ones_like(row.exact) if number else row.exact for row in rows])
        for at, row in enumerate(rows):
            write(figure, SIDE, _HEAD + (at + 0.66) * _ROW, shorten(row.name, _NAME - 0.1, 8), 8)
        words = "left: layer after shift against shift after layer, away from padding and from what was shifted in"
        legend(figure, SIDE, table + 0.22, f"{words}; – where there is no such place")
        words = "right: the same places with and without the shift. 1 is a standard deviation"
        legend(figure, SIDE, table + 0.4, f"{words}; *: with its stride, only nearly shifted so far")
        if maps:
            write(figure, SIDE, table + 0.75, "error by place, padding's effect included (each on its own scale)", 9)
        for number, row in enumerate(maps):
            line, place = divmod(number, _PER_ROW)
            assert row.map is not None
            wide, high = fitted(row.map.shape, _MAP)
            left, top = SIDE + place * (_MAP + _GAP), table + 0.9 + line * (_MAP + 0.45)
            add_image(figure, Panel(left, top, wide, high), row.map, **from_zero(row.map))
            write(figure, left, top + high + 0.14, shorten(row.name, _MAP + _GAP - 0.12, 7.5), 7.5)
            write(figure, left, top + high + 0.27, f"shift by {row.map_shift}", 7, color=GREY)
        save(figure, path)


def _table(figure: Figure, left: float, errors: Sequence[np.ndarray], exact: Sequence[np.ndarray]) -> None:
    """Numbers on a colour, a row for each layer: white is 0, dark is 1 or more; * where a shift is not ``exact``."""
    import numpy as np

    found = np.array(errors, np.float64)
    panel = Panel(left, _HEAD, found.shape[1] * _CELL_W, len(found) * _ROW)
    axes = add_image(
        figure, panel, np.ma.masked_invalid(np.minimum(found, 1.2)), "white", cmap="Oranges", vmin=0, vmax=1.6
    )
    for (row, shift), error in np.ndenumerate(found):
        mark = "" if exact[row][shift] or error != error else "*"
        axes.text(shift, row, _words(float(error)) + mark, ha="center", va="center", fontsize=7.5)


def _words(error: float) -> str:
    if error != error:
        return "–"
    return "0" if error == 0 else f"{error:.2f}" if error >= 0.005 else f"{error:.0e}"
