"""Loss and accuracy over the epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbcnn.errors import DataError
from nbcnn.report.figure import BLUE, DPI, ORANGE, look, save, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Records = Sequence[Mapping[str, Any]]

_PARTS = (("train", BLUE), ("test", ORANGE))


def draw_curves(records: Records, path: str | Path, title: str) -> None:
    """Draw loss and accuracy of train and test data, an epoch a step, side by side, into a PNG file.

    ``records`` are those of ``Run.metrics``; an epoch whose value is absent or None has no point. Raises DataError
    when there is no record, CheckpointError when the file can't be written.
    """
    if not records:
        raise DataError("there are no curves to draw: no epoch has ended yet")
    with look():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(10, 4.2), dpi=DPI, layout="constrained")
        figure.suptitle(shorten(title, 8, 13), x=0.012, ha="left", fontsize=13)
        loss, accuracy = figure.subplots(1, 2)
        _draw(loss, records, "loss", 1, "{:.3f}")
        _draw(accuracy, records, "accuracy", 100, "{:.1f} %")
        loss.set_ylim(0, 1.05 * max(loss.dataLim.y1, 0.01) if loss.lines else 1)
        if accuracy.lines:
            # At least ten points high: less would make a difference of noise look like one of substance.
            low, high = accuracy.dataLim.y0, accuracy.dataLim.y1
            room = max(0.05 * (high - low), (10 - (high - low)) / 2)
            accuracy.set_ylim(max(0, low - room), min(100.5, high + room))
        accuracy.yaxis.set_major_formatter("{x:g} %")
        save(figure, path)


def _draw(axes: Axes, records: Records, what: str, scale: float, form: str) -> None:
    """One panel. The legend holds the last value of each line, and its best where that is another."""
    from matplotlib.ticker import MaxNLocator

    for part, colour in _PARTS:
        values = [(r["epoch"], r.get(f"{part}_{what}")) for r in records]
        known = [(epoch, value * scale) for epoch, value in values if value is not None]
        if not known:
            continue
        best = (min if what == "loss" else max)(known, key=lambda point: point[1])
        label = f"{part}  {form.format(known[-1][1])}"
        if part == "test" and best[1] != known[-1][1]:
            label += f"   (best {form.format(best[1])} in epoch {best[0]})"
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
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(axis="y")
    if axes.lines:
        # Below the plot: nothing that the lines may do can run under it.
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.16), borderaxespad=0, handlelength=1.4, fontsize=10)
