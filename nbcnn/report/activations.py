"""The picture of a network's activations: how each layer's outputs are distributed, and how large its gradients are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nbcnn.report.figure import BLUE, DPI, GREY, ORANGE, look, save, shorten

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

_ROW, _HEAD, _FOOT, _NAMES, _SIDE, _PLOT, _GAP = 0.22, 0.75, 0.6, 2.0, 0.25, 3.6, 0.35  # inches
_SPREAD = (1, 25, 50, 75, 99)


def draw_activations(
    outputs: Mapping[str, np.ndarray],
    gradients: Mapping[str, np.ndarray],
    names: Sequence[str],
    path: str | Path,
    of: str,
) -> None:
    """Draw a row for each layer: percentiles of its ``outputs``, and the root mean square of its ``gradients``.

    ``names`` are those of the layers, in order; ``of`` says which network and images. Raises CheckpointError when the
    file can't be written.
    """
    import numpy as np

    count = len(outputs)
    width = 2 * _SIDE + _NAMES + 2 * _PLOT + _GAP if gradients else 2 * _SIDE + _NAMES + _PLOT
    height = _HEAD + count * _ROW + _FOOT
    with look():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(width, height), dpi=DPI)
        figure.text(_SIDE / width, 1 - 0.3 / height, shorten(of, width - 2 * _SIDE, 11), fontsize=11)

        def axes(number: int, title: str) -> Axes:
            left = _SIDE + _NAMES + number * (_PLOT + _GAP)
            made = figure.add_axes((left / width, _FOOT / height, _PLOT / width, count * _ROW / height))
            made.set_ylim(count - 0.5, -0.5)
            made.set_title(title, fontsize=10)
            made.tick_params(axis="y", length=0)
            made.tick_params(axis="x", labelsize=8)
            made.grid(axis="x")
            made.set_axisbelow(True)
            labels = [shorten(name, _NAMES - 0.1, 8) for name in names] if number == 0 else []
            made.set_yticks(range(count) if labels else [], labels, fontsize=8)
            return made

        spread = axes(0, "outputs")
        for row, array in enumerate(outputs.values()):
            low, first, middle, third, high = np.percentile(array, _SPREAD)
            spread.plot([low, high], [row, row], color=BLUE, linewidth=1)
            spread.plot([first, third], [row, row], color=BLUE, linewidth=5, solid_capstyle="butt")
            spread.plot([middle], [row], marker="|", color="white", markersize=7)
        spread.axvline(0, color=GREY, linewidth=0.8)
        spread.set_xlabel("line: 1 % to 99 %, bar: the middle half, white: the median", fontsize=8, color=GREY)
        if gradients:
            sizes = [float(np.sqrt(np.mean(np.square(array, dtype=np.float64)))) for array in gradients.values()]
            scale = axes(1, "gradients")
            positive = [size for size in sizes if size > 0]
            scale.set_xscale("log")
            scale.xaxis.set_major_formatter("{x:g}")
            scale.xaxis.set_minor_formatter("")
            scale.set_xlim(min(positive, default=0.1) / 3, max(positive, default=1) * 3)
            start = scale.get_xlim()[0]
            for row, size in enumerate(sizes):
                scale.plot([start, max(size, start)], [row, row], color=ORANGE, linewidth=5, solid_capstyle="butt")
            scale.set_xlabel("root mean square of the loss's gradient", fontsize=8, color=GREY)
        save(figure, path)
