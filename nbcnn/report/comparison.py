"""The plot of a comparison: loss curves over each other, and the distance between the weights by step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nbcnn.errors import DataError
from nbcnn.report.bit_divergence import Comparison, Variant
from nbcnn.report.figure import BLUE, DPI, GREEN, GREY, ORANGE, RED, look, save, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = (BLUE, ORANGE, GREEN, RED, "#56B4E9", "#CC79A7")
_DASHES = ("-", (0, (4, 2.5)), (0, (1.2, 2)), (0, (6, 2, 1.2, 2)))
_POINTS = 1500
"""More than the pixels of a panel's width are thinned out."""

_LAST_BIT = 2.0**-23
"""The distance from 1 to the next float32."""


def draw_comparison(comparison: Comparison, path: str | Path) -> None:
    """Draw both panels into a PNG file; raises DataError where no step has been made, CheckpointError as ``save``."""
    if not any(variant.losses for variant in comparison.variants):
        raise DataError("there is no comparison to draw: no step has been made yet")
    window = max(1, comparison.steps // 60)
    with look():
        from matplotlib.figure import Figure

        lines = 2 * len(comparison.variants)  # of the longer legend, each 0.2 inches high
        figure = Figure(figsize=(11, 4.2 + 0.2 * lines), dpi=DPI, layout="constrained")
        names = ", ".join(variant.name for variant in comparison.variants[1:])
        title = f"{comparison.model}, seed {comparison.seed}: {names} beside {comparison.reference.name}"
        figure.suptitle(shorten(title, 10.5, 13), x=0.012, ha="left", fontsize=13)
        loss, apart = figure.subplots(1, 2)
        _draw_losses(loss, comparison, window)
        _draw_differences(apart, comparison, window)
        for axes in (loss, apart):
            axes.set_xlim(1, max(2, comparison.steps))
            # Differences grow fastest at the beginning, which a linear axis of many steps would hide.
            scale = "log" if axes is apart and comparison.steps > 50 else "linear"
            axes.set_xscale(scale)
            axes.set_xlabel(
                f"step{', logarithmic' * (scale == 'log')} ({comparison.epoch_steps} an epoch, "
                f"batches of {comparison.batch_size})"
            )
            if scale == "log":
                axes.xaxis.set_major_formatter("{x:g}")
            else:
                axes.xaxis.get_major_locator().set_params(integer=True)
            axes.grid(axis="y")
            # Below the plot, where no line can run under it; the distance is a share of the height, some 3 inches.
            axes.legend(loc="upper left", bbox_to_anchor=(0, -0.17), borderaxespad=0, handlelength=3, fontsize=9)
        save(figure, path)


def _draw_losses(axes: Axes, comparison: Comparison, window: int) -> None:
    """The first curve is broad, each later one narrower and dashed: where curves coincide, all of them show."""
    count = len(comparison.variants)
    curves = [_thin(trailing_means(variant.losses, window)) for variant in comparison.variants]
    # A runaway loss would press all others onto the axis: it leaves the panel at the top, at a cross.
    calm = [means for v, (_, means) in zip(comparison.variants, curves, strict=True) if not v.diverged and len(means)]
    if calm:
        top = 1.05 * max(float(means.max()) for means in calm)
        axes.set_ylim(0, top or 1)
    else:
        axes.set_yscale("log")
    for index, (variant, (steps, means)) in enumerate(zip(comparison.variants, curves, strict=True)):
        width = 1.4 + 4.2 * (count - 1 - index) / max(1, count - 1)
        style = _DASHES[0] if index == 0 else _DASHES[1 + (index - 1) % 3]
        label = f"{variant.name}{_result(variant)}"
        axes.plot(steps, means, color=_colour(index), linewidth=width, linestyle=style, label=label, zorder=3 + index)
        if variant.diverged and len(means):
            place = min(means[-1], top) if calm else means[-1]
            axes.plot(steps[-1], place, "x", color=_colour(index), markersize=9, zorder=20, clip_on=False)
    smoothed = f", mean of the last {window} batches" if window > 1 else " of each batch"
    axes.set_title(f"training loss{smoothed}", fontsize=11)


def _draw_differences(axes: Axes, comparison: Comparison, window: int) -> None:
    """Weights as solid lines, losses as dotted ones of the same colour, on a logarithmic axis."""
    from matplotlib.ticker import NullFormatter

    reference, any_line = comparison.reference, False
    for index, variant in enumerate(comparison.variants[1:], 1):
        steps, apart = _thin(np.array(variant.differences, float))
        seen = np.isfinite(apart) & (apart > 0)
        if not seen.any():
            what = "the same bits at every step" if variant.same_bits else "no difference to draw"
            axes.plot([], [], "s", color=_colour(index), label=f"{variant.name}: {what}")
            continue
        any_line = True
        marker = "o" if np.count_nonzero(seen) < 40 else ""
        axes.plot(
            steps[seen],
            apart[seen],
            color=_colour(index),
            linewidth=2,
            marker=marker,
            markersize=4,
            label=f"{variant.name}: largest |Δw|",
            zorder=4,
        )
        both = min(len(variant.losses), len(reference.losses))
        deviations = np.abs(np.array(variant.losses[:both]) - np.array(reference.losses[:both]))
        steps, means = _thin(trailing_means(deviations, window))
        some = means > 0
        mean = f", mean of the last {window}" if window > 1 else ""
        label = f"{variant.name}: |Δloss|{mean}"
        axes.plot(steps[some], means[some], color=_colour(index), linewidth=1.2, linestyle=":", label=label, zorder=3)
    axes.set_title(f"difference from {reference.name}, logarithmic", fontsize=11)
    if any_line:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:.0e}")
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.axhline(_LAST_BIT, color=GREY, linewidth=1, linestyle="--", label="2⁻²³: the last bit of the number 1")
    else:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "nothing to draw: no bit differs", color=GREY, ha="center", transform=axes.transAxes)


def trailing_means(values: list[float] | np.ndarray, window: int) -> np.ndarray:
    """At each step the mean of the last ``window`` values, of fewer at the beginning."""
    sums = np.concatenate([[0.0], np.cumsum(np.asarray(values, float))])
    last = np.arange(1, len(sums))
    first = np.maximum(0, last - window)
    result: np.ndarray = (sums[last] - sums[first]) / (last - first)
    return result


def _thin(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Steps, counted from 1, and values: all of them, or the first, evenly chosen ones and the last."""
    steps = np.arange(1, len(values) + 1)
    stride = max(1, len(values) // _POINTS)
    chosen = np.unique(np.concatenate([steps[: 10 * stride], steps[::stride], steps[-1:]]))
    return chosen, values[chosen - 1]


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]


def _result(variant: Variant) -> str:
    if variant.diverged:
        return f":  diverged at step {variant.diverged.step}"
    if not variant.last:
        return ""
    part = "test" if variant.last["test_accuracy"] is not None else "val"
    accuracy = f"{part} accuracy {variant.last[f'{part}_accuracy']:.1%}"
    return f":  last epoch's mean {variant.last['train_loss']:.4f},  {accuracy}"
