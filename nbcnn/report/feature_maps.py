"""The picture of feature maps: what each layer makes of one image, a row of channels for each layer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nbcnn.report.figure import look, save
from nbcnn.report.image_panels import SIDE, Panel, add_image, fitted, legend, new_figure, picture, symmetric, write
from nbcnn.util.formatting import times

if TYPE_CHECKING:
    import numpy as np

CHANNELS = 12
"""Channels of a layer that are drawn."""
_CELL, _GAP, _TITLE, _HEAD, _BAR = 0.85, 0.06, 0.3, 0.55, 0.3  # inches


class LayerMaps(NamedTuple):
    """The outputs of one layer for one image, (C, H, W) or (F,), and what it is called."""

    name: str
    outputs: np.ndarray


def draw_feature_maps(image: np.ndarray, layers: Sequence[LayerMaps], path: str | Path, title: str) -> None:
    """Draw an image uint8 (1 or 3, H, W) and, below it, the first CHANNELS channels of each layer into a PNG file.

    Colours are those of one layer: white is 0, red above, blue below. Outputs without rows and columns are a strip.
    Raises CheckpointError when the file can't be written.
    """
    width = 2 * SIDE + CHANNELS * (_CELL + _GAP)
    tall = fitted(image.shape[1:], _CELL)
    heights = [_TITLE + (_height(one) if one.outputs.ndim == 3 else _BAR) for one in layers]
    height = _HEAD + tall[1] + sum(heights) + SIDE + 0.3
    with look():
        figure = new_figure(width, height)
        write(figure, SIDE, 0.3, title, 11)
        pixels, colours = picture(image)
        add_image(figure, Panel(SIDE, _HEAD, *tall), pixels, **colours)
        top = _HEAD + tall[1]
        for one, own in zip(layers, heights, strict=True):
            outputs = one.outputs
            shown = min(CHANNELS, len(outputs)) if outputs.ndim == 3 else len(outputs)
            part = f", {shown} of {len(outputs)} channels" if shown < len(outputs) else ""
            shape = times(outputs.shape)
            words = f"{one.name}, {shape}{part}: {outputs.min():.3g} to {outputs.max():.3g}"
            write(figure, SIDE, top + _TITLE - 0.08, words)
            colours = symmetric(outputs)
            if outputs.ndim == 1:
                add_image(figure, Panel(SIDE, top + _TITLE, width - 2 * SIDE, _BAR - 0.08), outputs[None], **colours)
            else:
                wide, high = fitted(outputs.shape[1:], _CELL)
                for channel in range(shown):
                    left = SIDE + channel * (_CELL + _GAP)
                    add_image(figure, Panel(left, top + _TITLE, wide, high), outputs[channel], **colours)
            top += own
        legend(figure, SIDE, height - 0.15, "white is 0, red above, blue below; each layer has its own scale")
        save(figure, path)


def _height(one: LayerMaps) -> float:
    return fitted(one.outputs.shape[1:], _CELL)[1]
