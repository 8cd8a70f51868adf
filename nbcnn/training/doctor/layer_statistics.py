"""Statistics of a layer's arrays in a pack: scale, saturation, dead units, drift of running statistics."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

import numpy as np

from nbcnn.layers import Layer

Row = dict[str, float | None]

SATURATED = {"sigmoid": 5.3, "tanh": 3.0}
"""Magnitudes of an input beyond which the slope is less than a fiftieth of the largest."""
RECTIFIERS = ("relu",)
"""Activations whose slope is 0 wherever the input is not positive."""


def layer_statistics(layer: Layer, arrays: Mapping[str, np.ndarray], images: int) -> Row:
    """The statistics that a layer of this kind has, from packs (…, 16) of which ``images`` lanes are filled.

    ``output``: the standard deviation of its outputs; ``gradient_out``: the root mean square of the loss's gradient
    with respect to them; ``saturated``: the share of inputs where a sigmoid or tanh is flat; ``dead``: the share of
    channels, or units, that no image makes positive; of batch norm, ``mean_drift`` and ``variance_drift``.
    """
    kept = {name: array[..., :images] for name, array in arrays.items()}
    row: Row = {}
    if layer.op in ("conv2d", "linear"):
        row["output"] = figure(kept["y"].std())
        if "dy" in kept:
            row["gradient_out"] = figure(root_mean_square(kept["dy"]) * images)
    elif layer.op in SATURATED:
        x = np.abs(kept["x"])
        row["saturated"] = figure(np.count_nonzero(x > SATURATED[layer.op]) / x.size)
    elif layer.op in RECTIFIERS:
        channels = kept["x"].reshape(layer.in_shape[0], -1)
        row["dead"] = figure(np.count_nonzero(channels.max(axis=1) <= 0) / len(channels))
    return row


def norm_drift(layer: Layer, x: np.ndarray, images: int, kept: Mapping[str, np.ndarray]) -> Row:
    """How far the running statistics of a batch norm are from those of a pack x (C, V, 16).

    ``mean_drift``: the root mean square, over channels, of the difference of means in standard deviations of the pack;
    ``variance_drift``: the median factor between the variances, 1 where they are equal.
    """
    mean, variance = kept[f"{layer.path}.running_mean"], kept[f"{layer.path}.running_var"]
    values = x[..., :images].reshape(x.shape[0], -1)
    own, spread = values.mean(axis=1), values.var(axis=1) + np.float32(1e-12)
    factor = np.abs(np.log(np.maximum(variance, 1e-12) / spread))
    return {
        "mean_drift": figure(root_mean_square((mean - own) / np.sqrt(spread))),
        "variance_drift": figure(np.exp(np.median(factor))),
    }


def root_mean_square(array: np.ndarray) -> float:
    """Of all numbers of an array."""
    flat = array.reshape(-1)
    return float(np.sqrt(np.mean(np.square(flat, dtype=np.float64)))) if flat.size else 0.0


def norm(array: np.ndarray) -> float:
    """The Euclidean length of all numbers of an array."""
    return float(np.sqrt(np.sum(np.square(array, dtype=np.float64))))


def figure(number: float) -> float | None:
    """A number with five digits, as the file has it; None for one that is not finite."""
    return float(f"{number:.5g}") if isfinite(number) else None
