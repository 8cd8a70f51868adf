"""Small images on a figure, placed in inches from its upper left corner: feature maps, filters, saliency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from nbcnn.report.figure import DPI, GREY, shorten

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDE = 0.25
"""Inches between the figure's edge and what is on it."""

TOO_FAINT = 1e-30
"""What is below is drawn as 0."""


class Panel(NamedTuple):
    """Where an image stands: left and upper edge, width and height, in inches."""

    left: float
    top: float
    width: float
    height: float


def new_figure(width: float, height: float) -> Figure:
    """A figure of so many inches; inside ``look()``."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI)


def write(figure: Figure, left: float, base: float, text: str, size: float = 9, **style: Any) -> None:
    """A line of text, its baseline ``base`` inches below the figure's upper edge, cut to what there is room for."""
    width, height = figure.get_size_inches()
    room = width - left - SIDE if style.get("ha", "left") == "left" else width
    figure.text(left / width, 1 - base / height, shorten(text, room, size), fontsize=size, **style)


def add_image(figure: Figure, panel: Panel, image: np.ndarray, frame: str = "#BBBBBB", **show: Any) -> Axes:
    """An image (H, W), or (H, W, 3) in colour, with a thin frame; ``show`` are arguments of imshow."""
    width, height = figure.get_size_inches()
    place = (panel.left / width, 1 - (panel.top + panel.height) / height, panel.width / width, panel.height / height)
    axes = figure.add_axes(place)
    small = max(image.shape[:2]) <= panel.width * DPI
    axes.imshow(image, aspect="auto", interpolation="nearest" if small else "antialiased", **show)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color(frame)
    axes.spines[:].set_linewidth(0.6)
    return axes


def fitted(size: Sequence[int], cell: float) -> tuple[float, float]:
    """Width and height in inches of an image (rows, columns) whose longer side is ``cell``."""
    rows, columns = size
    return cell * columns / max(rows, columns), cell * rows / max(rows, columns)


def picture(image: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """An image uint8 (C, H, W), C 1 or 3, as imshow takes it."""
    if len(image) == 1:
        return image[0], {"cmap": "gray", "vmin": 0, "vmax": 255}
    return image.transpose(1, 2, 0), {}


def symmetric(values: np.ndarray) -> dict[str, Any]:
    """Colours around 0: blue below, white at 0, red above."""
    largest = _largest(values)
    return {"cmap": "RdBu_r", "vmin": -largest, "vmax": largest}


def from_zero(values: np.ndarray) -> dict[str, Any]:
    """Colours from 0 up to the largest."""
    return {"cmap": "magma", "vmin": 0, "vmax": _largest(values)}


def _largest(values: np.ndarray) -> float:
    """The largest number without its sign, 1 where all are 0; those that are not finite have no colour."""
    import numpy as np

    found = float(np.abs(values[np.isfinite(values)]).max(initial=0))
    return found if found > TOO_FAINT else 1.0


def legend(figure: Figure, left: float, base: float, text: str) -> None:
    """A grey line that says how to read the picture."""
    write(figure, left, base, text, 8, color=GREY)
