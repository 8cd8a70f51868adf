"""The measured receptive field: the pixels that a unit's gradient reaches (Luo et al. 2016, arXiv 1701.04128)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nbcnn.autotune.auto import resolve_auto
from nbcnn.engine.network import Network
from nbcnn.errors import ConfigError, ShapeError
from nbcnn.introspect.activations import LayerExecutor
from nbcnn.introspect.graph import IMAGE, Node, graph_of
from nbcnn.introspect.layer_outputs import LayerOutput, find_layer, layer_outputs
from nbcnn.introspect.receptive_field import reach_of
from nbcnn.introspect.truncated import truncated
from nbcnn.kernels.registry import AUTO
from nbcnn.util.html_table import table

SHARE = 0.95
"""Of the gradient, in the rows and columns that are called effective."""
CHANNELS = 8
"""Channels of a layer, evenly spread, whose units are measured and averaged."""

Pair = tuple[int, int]


class MeasuredField(NamedTuple):
    """What the units of a layer at one place depend on; of a vector, which has no places, all of its units.

    ``rows`` and ``columns`` are the first and the last of the theoretical field; outside of the image they are padding.
    ``gradient`` (H, W) is the mean over images and channels of |∂unit/∂pixel|, summed over the image's channels;
    ``before`` the same with the initial parameters, None where it was not asked for.
    """

    layer: LayerOutput
    place: Pair
    channels: tuple[int, ...]
    rows: Pair
    columns: Pair
    gradient: np.ndarray
    before: np.ndarray | None = None

    def _repr_html_(self) -> str:
        """In a notebook: the field in theory, and how much of it the gradient reaches."""
        (top, bottom), (left, right) = self.rows, self.columns
        rows = [("in theory", bottom - top + 1, right - left + 1, f"{top} to {bottom}", f"{left} to {right}")]
        for name, gradient in (("before training", self.before), ("measured", self.gradient)):
            if gradient is not None:
                (first, last), (start, end) = reached(gradient)
                high, wide = effective(gradient)
                rows.append(
                    (f"{name}, all of it", last - first + 1, end - start + 1, f"{first} to {last}", f"{start} to {end}")
                )
                rows.append((f"{name}, {SHARE:.0%} of it", high, wide, "", ""))
        words = f"layer {self.layer.name}, unit at {self.place[0]},{self.place[1]}"
        return table(("field", "height", "width", "rows", "columns"), rows, words)

    def as_json(self) -> dict[str, Any]:
        """The field, what of it is reached, and the map."""
        told = {"path": self.layer.path, "layer": self.layer.kind, "place": self.place, "channels": self.channels}
        found = {"gradient": self.gradient.tolist(), "reached": reached(self.gradient)}
        found |= {"effective": effective(self.gradient)}
        if self.before is not None:
            found["before"] = {"gradient": self.before.tolist(), "effective": effective(self.before)}
        return told | {"rows": self.rows, "columns": self.columns} | found


def measured_field(
    network: Network,
    images: np.ndarray,
    path: str | None = None,
    *,
    place: Pair | None = None,
    initial: Network | None = None,
) -> MeasuredField:
    """The gradient of the units of the layer at ``path`` at one row and column, by default the middle one.

    Without a path: the last layer that has rows and columns. ``initial`` is the same network before its training.
    Raises ConfigError for a layer that is not there, ShapeError for a place outside of its output or other images.
    """
    resolve_auto(network, training=False, threads=1)
    layer = _layer(network, path)
    channels, height, width = (*layer.shape, 1, 1)[:3]
    row, column = (height // 2, width // 2) if place is None else place
    if not (0 <= row < height and 0 <= column < width):
        raise ShapeError(
            f"layer {layer.name} has {height} rows and {width} columns, so no unit at {row},{column}; rows are 0 to "
            f"{height - 1} and columns 0 to {width - 1}"
        )
    nodes = graph_of(network.root)
    number = next(n for n, node in enumerate(nodes) if node.last and node.layer.path == layer.path)
    reach = reach_of(nodes, network.in_shape)
    rows, columns = reach(number, (row, column))
    if len(layer.shape) != 3:  # a vector's units may be of any place of the image before it
        (_, bottom), (_, right) = reach(number, _last_place(nodes, number, network.in_shape))
        rows, columns = (rows[0], bottom), (columns[0], right)
    chosen = tuple(sorted({k * channels // min(CHANNELS, channels) for k in range(min(CHANNELS, channels))}))
    where = (row, column) if len(layer.shape) == 3 else ()
    gradient = _mean_gradient(truncated(network, layer.path), images, chosen, where)
    before = None
    if initial is not None:
        chosen_by = {each.path: str(each.backend) for each in network.layers()}
        auto = [each.path for each in initial.layers() if each.backend == AUTO]
        initial.choose_backends({each: chosen_by[each] for each in auto})
        before = _mean_gradient(truncated(initial, layer.path), images, chosen, where)
    return MeasuredField(layer, (row, column), chosen, rows, columns, gradient, before)


def reached(gradient: np.ndarray) -> tuple[Pair, Pair]:
    """The first and last row and column with any gradient; (0, -1) where there is none."""
    found = [np.flatnonzero(gradient.any(axis=1 - axis)) for axis in (0, 1)]
    rows, columns = ((int(axis[0]), int(axis[-1])) if axis.size else (0, -1) for axis in found)
    return rows, columns


def effective(gradient: np.ndarray, share: float = SHARE) -> Pair:
    """The fewest neighbouring rows, and columns, that hold this share of the gradient; (0, 0) where there is none."""
    rows, columns = (_fewest(gradient.sum(axis=1 - axis), share) for axis in (0, 1))
    return rows, columns


def _fewest(sums: np.ndarray, share: float) -> int:
    total = np.concatenate([[0.0], np.cumsum(sums, dtype=np.float64)])
    wanted = share * total[-1] * (1 - 1e-12)
    if not total[-1] > 0:
        return 0
    ends = np.searchsorted(total, total[:-1] + wanted)
    lengths = ends - np.arange(sums.size)
    return int(lengths[ends <= sums.size].min())


def _layer(network: Network, path: str | None) -> LayerOutput:
    if path is not None:
        return find_layer(network.root, path, network.config.name)
    found = [one for one in layer_outputs(network.root).values() if len(one.shape) == 3 and one.shape[1:] != (1, 1)]
    if not found:
        raise ConfigError(
            f"{network.config.name} has no layer with rows and columns; name one, all see the whole image"
        )
    return found[-1]


def _last_place(nodes: Sequence[Node], number: int, in_shape: Sequence[int]) -> Pair:
    """The last row and column of the image that a vector was made of."""
    while number != IMAGE and len(nodes[number].layer.out_shape) != 3:
        number = nodes[number].inputs[0]
    shape = in_shape if number == IMAGE else nodes[number].layer.out_shape
    return shape[1] - 1, shape[2] - 1


def _mean_gradient(
    network: Network, images: np.ndarray, channels: tuple[int, ...], where: tuple[int, ...]
) -> np.ndarray:
    executor, total = LayerExecutor(network), np.zeros(network.in_shape[1:])
    for channel in channels:
        seed = np.zeros(network.out_shape)
        seed[(channel, *where)] = 1
        found = executor.of_output(images, seed).image_gradient
        assert found is not None
        total += np.abs(found.astype(np.float64)).sum(axis=(0, 1))
    mean: np.ndarray = total / (len(images) * len(channels))
    return mean
