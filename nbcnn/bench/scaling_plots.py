"""Plots of a network at growing sizes: time per image above, ratio of each library to nbcnn below."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbcnn.bench.crossover import TIE, Only
from nbcnn.bench.rows import OWN, Row
from nbcnn.bench.scaling import Growth
from nbcnn.bench.scaling_crossover import leads, number, overtakings
from nbcnn.bench.sweep_plots import PEER_STYLES, legend, log_scales, titles
from nbcnn.report.figure import BLUE, GREY, look, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_OTHERS = (("#7A68A6", "P"), ("#00795A", "^"), ("#000000", "*"))
_TICKS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)
_CLOSE = (0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7)


def draw_growth(growth: Growth, path: str | Path) -> None:
    """Draw an axis into a PNG file; raises CheckpointError when it can't be written."""
    with look():
        save(_figure(growth), path)


def growth_styles(peers: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and mark of nbcnn and of each peer; known peers keep theirs in every picture."""
    others = [peer for peer in peers if peer not in PEER_STYLES]
    spare = {peer: _OTHERS[k % len(_OTHERS)] for k, peer in enumerate(others)}
    return {OWN: (BLUE, "o")} | {peer: PEER_STYLES.get(peer) or spare[peer] for peer in peers}


def _figure(growth: Growth) -> Figure:
    from matplotlib.figure import Figure

    count, beside = len(growth.measures), bool(growth.peers)
    figure = Figure(figsize=(2.4 + 4.8 * count, 7.0 if beside else 5.0), dpi=100)
    titles(figure, f"{growth.name} along {growth.axis.title}", f"{growth.fixed}; float32; a peer's best way")
    height = {"height_ratios": [3, 2]} if beside else None
    rows = 2 if beside else 1
    panels = figure.subplots(rows, count, sharex=True, sharey="row", squeeze=False, gridspec_kw=height)
    figure.subplots_adjust(left=0.075, right=0.985, top=0.83, bottom=0.165, wspace=0.05, hspace=0.1)
    figure.subplots_adjust(left=0.9 / figure.get_size_inches()[0])
    for column, measure in enumerate(growth.measures):
        _times(panels[0][column], growth, measure)
        panels[0][column].set_title(measure, fontsize=11, pad=20 if beside else 6)
        if beside:
            _leads(panels[1][column], growth, measure)
            _mark(panels[0][column], panels[1][column], growth, measure)
        panels[-1][column].set_xlabel(_label(growth))
    _scale(panels, growth)
    panels[0][0].set_ylabel("time for one image, µs")
    if beside:
        panels[1][0].set_ylabel(f"× the time of {OWN}")
    words = "Marks: measured points. "
    if beside:
        words += (
            f"Below 1 the peer is ahead; grey: by less than {TIE - 1:.0%}. Bands: all rounds. "
            "Dotted: where one overtakes the other."
        )
    handles = max((panel.get_legend_handles_labels()[0] for panel in panels[0]), key=len)
    legend(figure, handles, words)
    return figure


def _times(axes: Axes, growth: Growth, measure: str) -> None:
    for name, (colour, mark) in growth_styles(growth.peers).items():
        found = [(point.at, 1e6 / row.median(way)) for point, row in growth.rows(measure) if (way := _way(row, name))]
        if found:
            how: Any = {"color": colour, "marker": mark, "markersize": 5.5, "linewidth": 1.9, "label": name}
            axes.plot(*zip(*found, strict=True), zorder=4 if name == OWN else 3, **how)


def _leads(axes: Axes, growth: Growth, measure: str) -> None:
    axes.axhspan(1 / TIE, TIE, color="#E6E6E6", zorder=1)
    axes.axhline(1, color=BLUE, linewidth=1.1, zorder=2)
    for peer in growth.peers:
        colour, mark = growth_styles(growth.peers)[peer]
        known = leads(growth, measure, peer)
        spread = [ratio.rounds for _, row in growth.rows(measure) if (ratio := row.ratio(peer))]
        low, high = ([limit(rounds) for rounds in spread] for limit in (min, max))
        axes.fill_between(list(known), low, high, color=colour, alpha=0.18, linewidth=0, zorder=2)
        axes.plot(list(known), list(known.values()), color=colour, marker=mark, markersize=5.5, linewidth=1.9, zorder=3)


def _mark(above: Axes, below: Axes, growth: Growth, measure: str) -> None:
    """A dotted line in the peer's colour where one overtakes the other; its place stands above the plot."""
    for peer in growth.peers:
        colour = growth_styles(growth.peers)[peer][0]
        for change in overtakings(growth, measure, peer):
            at = float(change.at) if isinstance(change, Only) else change.at or change.high
            for axes in (above, below):
                axes.axvline(at, color=colour, linewidth=1.2, linestyle=":", zorder=2)
            place: Any = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
            how: Any = {"fontsize": 9, "color": colour, "ha": "center", "va": "bottom", "fontweight": "bold"}
            above.annotate(number(at), (at, 1.0), xytext=(0, 3), annotation_clip=False, **place, **how)


def _way(row: Row, name: str) -> str | None:
    """Which of the row's contenders is the line ``name``."""
    if name == OWN:
        return OWN
    ratio = row.ratio(name)
    return ratio.contender if ratio else None


def _label(growth: Growth) -> str:
    return growth.axis.title if growth.axis.title == growth.axis.unit else f"{growth.axis.title}, {growth.axis.unit}"


def _scale(panels: Any, growth: Growth) -> None:
    from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

    for axes in panels.flat:
        log_scales(axes, [point.at for point in growth.points], zorder=0)
    for axes in panels[0]:
        axes.yaxis.set_major_locator(LogLocator(10, (1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
    for axes in panels[1] if len(panels) > 1 else ():
        low, high = axes.get_ylim()
        low, high = min(low, 0.7), max(high, 1.5)
        axes.set_ylim(low, high)
        axes.yaxis.set_major_locator(FixedLocator(_TICKS if high > 8 * low else _CLOSE))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.tick_params(axis="both", color=GREY)
