"""The plot of loss and accuracy over the epochs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbcnn.errors import DataError
from nbcnn.report.figure import BLUE, DPI, GREEN, GREY, ORANGE, look, save, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Records = Sequence[Mapping[str, Any]]

_FAR_APART = 1000
"""A linear axis would press losses that are farther apart than this, as after a divergence, onto its lower edge."""

_PARTS = (("train", BLUE), ("val", GREEN), ("test", ORANGE))


def draw_curves(records: Records, path: str | Path, title: str, best: int | None = None) -> None:
    """Draw loss and accuracy of train, validation and test data, an epoch a step, side by side, into a PNG file.

    ``records`` are those of ``Run.metrics``; an epoch whose value is absent or None has no point. ``best`` is the
    epoch whose checkpoint was kept as the best; it is marked. Losses over more than three decades get a logarithmic
    axis. Raises DataError when there is no record, CheckpointError when the file can't be written.
    """
    if not records:
        raise DataError("there are no curves to draw: no epoch has ended yet")
    with look():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(10, 4.2), dpi=DPI, layout="constrained")
        figure.suptitle(shorten(title, 8, 13), x=0.012, ha="left", fontsize=13)
        loss, accuracy = figure.subplots(1, 2)
        _draw(loss, records, "loss", 1, _number)
        _draw(accuracy, records, "accuracy", 100, "{:.1f} %".format)
        _scale_losses(loss)
        if accuracy.lines:
            # At least ten points high: less would make a difference of noise look like one of substance.
            low, high = accuracy.dataLim.y0, accuracy.dataLim.y1
            room = max(0.05 * (high - low), (10 - (high - low)) / 2)
            accuracy.set_ylim(max(0, low - room), min(100.5, high + room))
        accuracy.yaxis.set_major_formatter("{x:g} %")
        for axes in (loss, accuracy):
            if best is not None:
                label = f"best checkpoint: epoch {best}"
                axes.axvline(best, color=GREY, linewidth=1.2, linestyle=":", zorder=1, label=label)
            if axes.lines:
                # Below the plot: nothing that the lines may do can run under it.
                axes.legend(loc="upper left", bbox_to_anchor=(0, -0.16), borderaxespad=0, handlelength=1.4, fontsize=10)
        save(figure, path)


def _draw(axes: Axes, records: Records, what: str, scale: float, form: Callable[[float], str]) -> None:
    """One panel. The legend holds the last value of each line, and its best where that is another."""
    for part, colour in _PARTS:
        values = [(r["epoch"], r.get(f"{part}_{what}")) for r in records]
        known = [(epoch, value * scale) for epoch, value in values if value is not None]
        if not known:
            continue
        best = (min if what == "loss" else max)(known, key=lambda point: point[1])
        label = f"{part}  {form(known[-1][1])}"
        if part != "train" and best[1] != known[-1][1]:
            label += f"   (best {form(best[1])} in epoch {best[0]})"
        axes.plot(
            *zip(*known, strict=True),
            color=colour,
            linewidth=2,
            marker="o",
            markersize=4 if len(known) <= 30 else 0,
            label=label,
            clip_on=False,
            zorder=3,
        )
    axes.set_title(what, fontsize=11)
    axes.set_xlabel("epoch")
    epochs = [r["epoch"] for r in records]
    # Half an epoch beyond the ends: a single epoch then has its own tick in the middle.
    margin = 0.5 if len(epochs) == 1 else 0.03 * (epochs[-1] - epochs[0])
    axes.set_xlim(epochs[0] - margin, epochs[-1] + margin)
    axes.set_xticks(_ticks(epochs[0], epochs[-1]))
    axes.grid(axis="y")


def _scale_losses(axes: Axes) -> None:
    """The axis of the losses: from zero up, or logarithmic where that would hide all losses but the largest."""
    import numpy as np
    from matplotlib.ticker import NullFormatter

    losses = [value for line in axes.lines for value in np.asarray(line.get_ydata())]
    above = [value for value in losses if value > 0]
    if above and max(above) > _FAR_APART * min(above):
        axes.set_yscale("log", nonpositive="mask")
        axes.set_ylim(min(above) / 2, 2 * max(above))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_title("loss, logarithmic", fontsize=11)
    else:
        axes.set_ylim(0, 1.05 * max([*losses, 0.01]) if losses else 1)


def _ticks(first: int, last: int) -> list[int]:
    """Epochs at even steps, and the last one, which those too near to it for their labels make room for."""
    from matplotlib.ticker import MaxNLocator

    # An axis is about 4.2 inches long, a digit 0.09.
    room = (last - first) * (0.09 * len(str(last)) + 0.1) / 4.2
    even = [round(tick) for tick in MaxNLocator(9, integer=True, min_n_ticks=1).tick_values(first, last)]
    return [tick for tick in even if first <= tick < last and last - tick > room] + [last]


def _number(loss: float) -> str:
    """Three places, unless they would be all zeros or mere ballast."""
    return f"{loss:.3f}" if loss == 0 or 0.001 <= abs(loss) < 10000 else f"{loss:.2e}"
