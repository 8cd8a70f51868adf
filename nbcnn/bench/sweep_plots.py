"""Plots of sweeps: time along an axis with its crossovers, and a map of the fastest backend."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbcnn.bench.crossover import TIE, Crossing, Only, changes, winner
from nbcnn.bench.sweep import KERNELS, Point, Sweep
from nbcnn.report.figure import BLUE, DPI, GREEN, GREY, ORANGE, RED, look, save, shorten
from nbcnn.util.formatting import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The rest of Okabe and Ito's palette; the marks tell lines apart where colours can't.
_STYLES = {
    "direct": (BLUE, "o"),
    "fft": (ORANGE, "s"),
    "im2col": (GREEN, "^"),
    "naive": (GREY, "x"),
    "pointwise": (RED, "D"),
    "winograd": ("#56B4E9", "P"),
    "winograd_2x2": ("#000000", "*"),
}
PEER_STYLES = {"torch": ("#CC79A7", "v"), "onnxruntime": ("#8C6D31", "<")}
"""Colours and marks of other libraries, the same in all pictures."""
_SPARE = (("#7A68A6", ">"), ("#B3B300", "h"), ("#8B0000", "p"), ("#2F4F4F", "d"))
_DIRECTIONS = {"forward": "forward", "grad_input": "gradient of the input", "grad_weight": "gradient of the weights"}
_ROWS, _LETTER = 3, 0.0135
"""Rows of words above a plot, and the width of a letter there as a share of the plot's."""
_DEEP = 3.0
"""A margin from which on a winner's colour is as deep as it gets."""


def draw_sweep(sweep: Sweep, path: str | Path, threads: int) -> None:
    """Draw a sweep into a PNG file; raises CheckpointError when it can't be written."""
    with look():
        save(_map(sweep, threads) if sweep.axis.name == "map" else _lines(sweep, threads), path)


def styles(sweep: Sweep) -> dict[str, tuple[str, str]]:
    """Colour and mark of each backend that has a time anywhere in the sweep; the built-in ones keep theirs."""
    names = sorted({name for point in sweep.points for name in point.contest.seconds})
    known = _STYLES | PEER_STYLES
    others = [name for name in names if name not in known]
    spare = {name: _SPARE[k % len(_SPARE)] for k, name in enumerate(others)}
    return {name: known.get(name) or spare[name] for name in names}


def _figure(sweep: Sweep, threads: int, size: tuple[float, float]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=DPI)
    title = f"conv2d along {sweep.axis.title}" if sweep.axis.name != "map" else f"conv2d: who wins, {sweep.axis.title}"
    titles(figure, title, f"{sweep.fixed}; float32; {counted(threads, 'thread')}")
    return figure


def titles(figure: Figure, title: str, below: str) -> None:
    """The title of a plot, and the fixed sizes below it."""
    width, height = figure.get_size_inches()
    figure.text(0.02, 1 - 0.34 / height, shorten(title, width - 1, 14), fontsize=14, fontweight="bold")
    figure.text(0.02, 1 - 0.60 / height, shorten(below, width - 0.6, 10), fontsize=10, color=GREY)


def legend(figure: Figure, handles: Sequence[Any], note: str) -> None:
    """Below everything: one line of names, one that says how to read it."""
    height = figure.get_size_inches()[1]
    figure.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0.012, 0.26 / height),
        ncols=max(1, len(handles)),
        fontsize=10,
        handlelength=1.8,
        columnspacing=1.6,
    )
    figure.text(0.02, 0.14 / height, note, fontsize=9, color=GREY)


def _lines(sweep: Sweep, threads: int) -> Figure:
    """Above the time for one image, below how many times slower than the fastest, which is 1."""
    figure = _figure(sweep, threads, (12.5, 7.0))
    panels = figure.subplots(2, 3, sharex=True, sharey="row", gridspec_kw={"height_ratios": [3, 2]})
    figure.subplots_adjust(left=0.08, right=0.985, top=0.80, bottom=0.165, wspace=0.06, hspace=0.14)
    style, values = styles(sweep), [point.at[sweep.axis.name] for point in sweep.points]
    found = {direction: changes(sweep, direction) for direction in _DIRECTIONS}
    rows: dict[str, int] = {}
    for column, (direction, title) in enumerate(_DIRECTIONS.items()):
        above, below = panels[0][column], panels[1][column]
        above.set_title(title, fontsize=11, pad=34)
        for name, (colour, mark) in style.items():
            drawn = {"color": colour, "marker": mark, "markersize": 5, "linewidth": 1.8, "label": name, "zorder": 3}
            above.plot(values, [_microseconds(point, name, direction) for point in sweep.points], **drawn)
            below.plot(values, [_behind(point, name, direction) for point in sweep.points], **drawn)
        _scale(above, below, values)
        _mark(above, below, found[direction], rows)
        below.set_xlabel(f"{sweep.axis.title}, {sweep.axis.unit}")
    panels[0][0].set_ylabel("time for one image, µs")
    panels[1][0].set_ylabel("× the best")
    dotted = "Dotted: where the fastest changes, or wins at one point only. " if any(found.values()) else ""
    legend(
        figure,
        panels[0][0].get_legend_handles_labels()[0],
        f"Marks: measured points. {dotted}Who is less than {TIE - 1:.0%} ahead has not overtaken.",
    )
    return figure


def _microseconds(point: Point, name: str, direction: str) -> float:
    return point.contest.image(point.contest.seconds.get(name, {}).get(direction, nan)) * 1e6


def _behind(point: Point, name: str, direction: str) -> float:
    if direction not in point.contest.seconds.get(name, {}):
        return nan  # a gap in the line
    return point.contest.behind(direction, name, point.contest.ranking(direction)[0][0])


def _mark(above: Axes, below: Axes, found: Sequence[Crossing | Only], rows: dict[str, int]) -> None:
    """A dotted line through both panels for each change; its words stand above the plot, in a row that has room.

    ``rows`` keeps who stands in which row: the same words stand in the same one in every panel, if there is room.
    """
    low, high = (log(value) for value in above.get_xlim())
    ends = [0.0] * _ROWS
    for change in found:
        if isinstance(change, Only):
            at, words = float(change.at), f"{change.name} at {change.at}"
        else:
            at = change.at or (change.low * change.high) ** 0.5
            words = f"{change.before} → {change.after}"
        for axes in (above, below):
            axes.axvline(at, color="#333333", linewidth=1.1, linestyle=":", zorder=2)
        half = 0.5 * _LETTER * len(words)
        middle = min(max((log(at) - low) / (high - low), half), 1 - half)
        order = sorted(range(_ROWS), key=rows.get(words, 0).__ne__)
        row = next((k for k in order if middle - half >= ends[k]), None)
        if row is None:
            continue  # the dotted line stands without its words; the table has them
        rows.setdefault(words, row)
        ends[row] = middle + half + _LETTER
        place = (middle, 1.0)
        how: Any = {"xycoords": "axes fraction", "textcoords": "offset points", "annotation_clip": False}
        above.annotate(words, place, xytext=(0, 2 + 10 * row), ha="center", va="bottom", fontsize=7.5, **how)


def log_scales(axes: Axes, values: Sequence[int], **grid: Any) -> None:
    """Logarithmic axes, with a tick at each of the values that were measured."""
    from matplotlib.ticker import FixedLocator, NullLocator

    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(FixedLocator(values))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.yaxis.set_major_formatter("{x:,g}")
    axes.grid(axis="y", **grid)


def _scale(above: Axes, below: Axes, values: Sequence[int]) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    for axes in (above, below):
        log_scales(axes, values)
    below.set_ylim(0.9, max(30, 1.2 * below.get_ylim()[1]))
    below.yaxis.set_major_locator(FixedLocator([1, 2, 5, 10, 20, 50, 100]))
    below.yaxis.set_minor_locator(NullLocator())


def _map(sweep: Sweep, threads: int) -> Figure:
    """One map for each direction: in a cell the fastest, and how many times slower the second is."""
    from matplotlib.patches import Patch

    figure = _figure(sweep, threads, (13.0, 5.4))
    panels = figure.subplots(1, 3, sharey=True)
    figure.subplots_adjust(left=0.075, right=0.985, top=0.80, bottom=0.235, wspace=0.05)
    style, sides = styles(sweep), sweep.axis.values
    for axes, (direction, title) in zip(panels, _DIRECTIONS.items(), strict=True):
        axes.set_title(title, fontsize=11)
        for point in sweep.points:
            place = (KERNELS.index(point.at["kernel"]), sides.index(point.at["image"]))
            _cell(axes, place, winner(point.contest, direction), style)
        axes.set_xlim(-0.5, len(KERNELS) - 0.5)
        axes.set_ylim(-0.5, len(sides) - 0.5)
        axes.set_xticks(range(len(KERNELS)), [f"{k}×{k}" for k in KERNELS])
        axes.set_yticks(range(len(sides)), [f"{side}×{side}" for side in sides])
        axes.set_xlabel("kernel size, pixels")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    panels[0].set_ylabel("image size, pixels")
    won = {w.name for p in sweep.points for d in _DIRECTIONS if (w := winner(p.contest, d))}
    legend(
        figure,
        [Patch(facecolor=style[name][0], label=name) for name in style if name in won],
        "Number: how many times slower the second is; the farther behind, the deeper the colour "
        f"(full at {_DEEP:g}×). ≈: less than {TIE - 1:.0%}.",
    )
    return figure


def _cell(axes: Axes, place: tuple[int, int], won: Any, style: dict[str, tuple[str, str]]) -> None:
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Rectangle

    if won is None:
        return
    colour, share = to_rgb(style[won.name][0]), _depth(won.margin)
    shade = [1 - share * (1 - part) for part in colour]
    axes.add_patch(Rectangle((place[0] - 0.48, place[1] - 0.48), 0.96, 0.96, facecolor=shade))
    dark = 0.299 * shade[0] + 0.587 * shade[1] + 0.114 * shade[2] < 0.46
    margin = "alone" if won.margin is None else f"{won.margin:.1f}×" if won.clear else "≈"
    ink = "white" if dark else "black"
    for text, below, size, weight in ((shorten(won.name, 0.66, 7.5), -0.14, 7.5, "normal"), (margin, 0.18, 9, "bold")):
        place_of = (place[0], place[1] - below)
        axes.text(*place_of, text, ha="center", va="center", fontsize=size, fontweight=weight, color=ink)


def _depth(margin: float | None) -> float:
    """The depth of a cell's colour: from 0.25 for a tie to 1."""
    return 1.0 if margin is None else min(1.0, 0.25 + 0.75 * log(max(margin, 1.0)) / log(_DEEP))
