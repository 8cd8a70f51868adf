"""The picture and the HTML page of the layout lab: one picture as two networks see it, and what became of both."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nbcnn.report import page as html
from nbcnn.report.figure import DPI, GREY, look, save
from nbcnn.report.grey_picture import colour_png
from nbcnn.report.layout_words import LINES, head, legend, lesson, rows, why

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbcnn.report.layout_result import Layout, LayoutLab

SMALL = 140
"""About how many pixels a picture on the page is wide."""


def draw_layout(picture: np.ndarray, seen: Mapping[Layout, np.ndarray], path: Path) -> None:
    """Draw a picture (H, W, 3), and in a row for each layout its channels (3, H, W), alone and as one picture again.

    Raises CheckpointError when the file can't be written.
    """
    with look():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9.0, 4.9), dpi=DPI)
        figure.text(0.02, 0.94, "One picture, as a network sees it", fontsize=12, fontweight="bold")
        _show(figure, (0.02, 0.3, 0.17, 0.36), picture, "the picture (H, W, C)")
        for n, (layout, channels) in enumerate(seen.items()):
            bottom = 0.52 - 0.46 * n
            name = {"transposed": "transpose(2, 0, 1)", "reshaped": "reshape(C, H, W)"}[layout]
            figure.text(0.225, bottom + 0.35, f"{layout}: {name}", fontsize=10, color=GREY)
            for c, channel in enumerate(channels):
                _show(figure, (0.225 + 0.19 * c, bottom, 0.17, 0.3), channel, f"channel {c}")
            _show(
                figure,
                (0.225 + 0.19 * 3, bottom, 0.17, 0.3),
                channels.transpose(1, 2, 0),
                "the three as red, green, blue",
            )
        save(figure, path)


def _show(figure: object, place: tuple[float, float, float, float], pixels: np.ndarray, title: str) -> None:
    axes = figure.add_axes(place)  # type: ignore[attr-defined]
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_title(title, fontsize=8, fontweight="normal", loc="center")
    axes.set_axis_off()


def layout_page(lab: LayoutLab) -> str:
    """The page as the text of a file."""
    table = rows(lab)
    return html.page(
        "Channels first, channels last",
        html.section(
            "What the networks see", _small(lab.picture, "the picture (H, W, C)"), *map(_seen, lab.seen.items())
        ),
        html.section(
            "What becomes of it",
            html.table(table[0], table[1:], numbers=len(table[0]) - 1),
            html.paragraph(legend(lab)),
        ),
        html.section(
            "What to notice",
            html.paragraph(f"{lesson(lab)[0].upper()}{lesson(lab)[1:]}."),
            html.paragraph(why(lab)),
        ),
        subtitle=head(lab),
    )


def _seen(both: tuple[Layout, np.ndarray]) -> html.Html:
    layout, channels = both
    parts = [_small(channel, f"channel {c}") for c, channel in enumerate(channels)]
    whole = _small(channels.transpose(1, 2, 0), "as red, green, blue")
    return html.joined(
        html.element("h3", layout.capitalize()),
        html.paragraph(html.element("code", LINES[layout])),
        html.side_by_side(*parts, whole),
    )


def _small(pixels: np.ndarray, words: str) -> html.Html:
    return html.picture(colour_png(np.ascontiguousarray(pixels), SMALL), words, words)
