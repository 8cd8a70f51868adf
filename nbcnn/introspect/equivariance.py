"""Equivariance and invariance under shifts: layer by layer, and of the predicted class.

A layer is equivariant if a shifted image gives its shifted output, invariant if it gives the same output. Outputs whose
receptive field touches padding or the pixels that a shift brings in can't be equivariant, so they are counted apart.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nbcnn.engine.network import Network
from nbcnn.errors import ShapeError
from nbcnn.introspect.activations import LayerExecutor
from nbcnn.introspect.graph import graph_of
from nbcnn.introspect.layer_outputs import LayerOutput
from nbcnn.introspect.receptive_field import Reach, jumps_of, reach_of
from nbcnn.kernels.contract import LANES
from nbcnn.util.html_table import table

DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0))
"""Right, left, down, up, in rows and columns."""

Pair = tuple[int, int]


class LayerShifts(NamedTuple):
    """Errors of one layer's outputs; each is a root mean square, divided by the standard deviation of the outputs.

    ``inside`` (K,): between the output of an image that is shifted by 1, …, K pixels and the shifted output, where no
    field touches padding or what was shifted in; NaN where there is no such output. ``border`` (K,): the same for the
    other outputs. ``exact`` (K,): whether the output can be shifted so far, or only nearly so, for the layer's jump is
    larger. ``changed`` (K,): between the outputs of both images in the same place, which is 0 for an invariant layer.
    ``map`` (OH, OW): the error at each place after a shift by ``map_shift`` pixels, of which NaN has none; None where
    no shift up to K is exact, or where outputs have no places: then ``inside`` and ``border`` are NaN.
    """

    layer: LayerOutput
    inside: np.ndarray
    border: np.ndarray
    exact: np.ndarray
    changed: np.ndarray
    map: np.ndarray | None
    map_shift: int

    def as_json(self) -> dict[str, Any]:
        """Its numbers; null where there is none."""
        lists = {name: _plain(getattr(self, name)) for name in ("inside", "border", "exact", "changed", "map")}
        return {"path": self.layer.path, **self.layer.as_json(), **lists, "map_shift": self.map_shift}


class Equivariance(NamedTuple):
    """Of a network: ``layers`` in order, and the predicted classes ``guesses`` (N,) of the images as they are.

    ``predictions_changed`` (K,) is the share of them that shifts by 1, …, K pixels in the four directions change.
    """

    layers: tuple[LayerShifts, ...]
    predictions_changed: np.ndarray
    guesses: np.ndarray

    def _repr_html_(self) -> str:
        """In a notebook: each layer's errors away from the border, for shifts by 1, 2, … pixels."""
        shifts = range(1, len(self.predictions_changed) + 1)
        rows = [[one.layer.name, *(_figure(error) for error in one.inside)] for one in self.layers]
        rows.append(["predictions changed", *(f"{share:.1%}" for share in self.predictions_changed)])
        words = (
            f"{len(self.guesses):,} images; error between shift-then-layer and layer-then-shift, away from the border"
        )
        return table(("layer", *(f"shift {n}" for n in shifts)), rows, words)

    def as_json(self) -> dict[str, Any]:
        """Everything."""
        changed = self.predictions_changed.tolist()
        told = {"images": len(self.guesses), "guesses": self.guesses.tolist(), "predictions_changed": changed}
        return told | {"layers": [one.as_json() for one in self.layers]}


def equivariance(network: Network, images: np.ndarray, shifts: int = 4) -> Equivariance:
    """Shift images (N, C, H, W) by 1, …, ``shifts`` pixels in four directions, and compare what every layer gives.

    Black pixels come in: bytes 0, or in floats what they are scaled to. Raises ShapeError for other images, or for
    shifts that leave nothing of the image.
    """
    smallest = min(network.in_shape[1:])
    if not 1 <= shifts < smallest:
        raise ShapeError(f"shifts must be from 1 to {smallest - 1}, less than the image's smaller side; got {shifts}")
    if not len(images):
        raise ShapeError("there are no images: give at least one, (1, C, H, W)")
    executor = LayerExecutor(network, gradients=False)
    sums = _sums_of(network, shifts, executor)
    different, all_guesses = np.zeros(shifts), []
    for first in range(0, len(images), LANES):
        part = images[first : first + LANES]
        plain = executor.run(part).outputs
        for one in sums:
            one.add_plain(plain[one.layer.path])
        last = list(plain)[-1]
        guesses = plain[last].reshape(len(part), -1).argmax(axis=1)
        all_guesses.append(guesses)
        for shift in range(1, shifts + 1):
            for direction in DIRECTIONS:
                moved = executor.run(shifted(network, part, (shift * direction[0], shift * direction[1]))).outputs
                for one in sums:
                    one.add(plain[one.layer.path], moved[one.layer.path], shift, direction)
                different[shift - 1] += np.count_nonzero(moved[last].reshape(len(part), -1).argmax(axis=1) != guesses)
    found = np.concatenate(all_guesses)
    return Equivariance(tuple(one.result() for one in sums), different / (found.size * len(DIRECTIONS)), found)


def shifted(network: Network, images: np.ndarray, by: Pair) -> np.ndarray:
    """Images moved down and to the right by so many pixels, or the other way; black pixels come in."""
    mean, std = (
        np.broadcast_to(np.array(v), network.in_shape[0]) for v in (network.config.data.mean, network.config.data.std)
    )
    black = 0 if images.dtype == np.uint8 else (-mean / std).reshape(-1, 1, 1)
    made = np.empty_like(images)
    made[...] = black
    into, of = _overlap(images.shape[2:], by)
    made[(..., *into)] = images[(..., *of)]
    return made


def _overlap(size: tuple[int, ...], by: Pair) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The rows and columns of what is shifted, and those of the original that come to lie there."""
    into = tuple(slice(max(0, d), max(0, n + min(0, d))) for n, d in zip(size, by, strict=True))
    of = tuple(slice(max(0, -d), max(0, n + min(0, -d))) for n, d in zip(size, by, strict=True))
    return (into[0], into[1]), (of[0], of[1])


def _sums_of(network: Network, shifts: int, executor: LayerExecutor) -> list[_Sums]:
    nodes = graph_of(network.root)
    reach, jumps = reach_of(nodes, network.in_shape), jumps_of(nodes, network.in_shape)
    made = []
    for number, (node, jump) in enumerate(zip(nodes, jumps, strict=True)):
        if node.last:
            layer = executor.layer_outputs[node.layer.path]
            places = len(layer.shape) == 3 and layer.shape[1:] != (1, 1)
            made.append(
                _Sums(layer, _spans(number, layer, reach) if places else None, jump, network.in_shape[1:], shifts)
            )
    return made


def _spans(number: int, layer: LayerOutput, reach: Reach) -> tuple[np.ndarray, np.ndarray]:
    """First and last row of the image for each row of outputs, (OH, 2), and likewise for the columns, (OW, 2)."""
    rows = np.array([reach(number, (row, 0))[0] for row in range(layer.shape[1])])
    columns = np.array([reach(number, (0, column))[1] for column in range(layer.shape[2])])
    return rows, columns


class _Sums:
    """The sums of squares of one layer, over all images."""

    def __init__(
        self,
        layer: LayerOutput,
        spans: tuple[np.ndarray, np.ndarray] | None,
        jump: tuple[float, float],
        size: tuple[int, ...],
        shifts: int,
    ) -> None:
        self.layer, self._spans, self._jump, self._size = layer, spans, jump, size
        self._sums = {name: np.zeros((2, shifts)) for name in ("inside", "border", "changed")}
        self._exact = np.array([all((s / j).is_integer() for j in map(float, jump)) for s in range(1, shifts + 1)])
        exact = np.flatnonzero(self._exact)
        self._map_shift = int(exact[0]) + 1 if exact.size and spans is not None else 0
        self._map = np.zeros((2, *layer.shape[1:])) if self._map_shift else None
        self._plain = np.zeros(3)

    def add_plain(self, outputs: np.ndarray) -> None:
        """What the standard deviation is made of."""
        wide = outputs.astype(np.float64)
        self._plain += wide.size, wide.sum(), np.square(wide).sum()

    def add(self, plain: np.ndarray, moved: np.ndarray, shift: int, direction: Pair) -> None:
        """The outputs of images, and of the same images after a shift."""
        at = shift - 1
        self._sums["changed"][:, at] += plain.size, np.square(moved.astype(np.float64) - plain).sum()
        if self._spans is None:
            return
        by = tuple(round(shift * d / j) for d, j in zip(direction, self._jump, strict=True))
        into, of = _overlap(self.layer.shape[1:], (by[0], by[1]))
        squares = np.square(moved[(..., *into)].astype(np.float64) - plain[(..., *of)]).sum(axis=(0, 1))
        count = plain.shape[0] * plain.shape[1]
        inside = self._inside((shift * direction[0], shift * direction[1]))[into] & self._inside((0, 0))[of]
        for name, which in (("inside", inside), ("border", ~inside)):
            self._sums[name][:, at] += count * np.count_nonzero(which), squares[which].sum()
        if self._map is not None and shift == self._map_shift:
            self._map[(0, *into)] += count
            self._map[(1, *into)] += squares

    def _inside(self, by: Pair) -> np.ndarray:
        """(OH, OW): whether an output sees neither padding nor pixels that were shifted in, in both images."""
        assert self._spans is not None
        found = []
        for span, size, d in zip(self._spans, self._size, by, strict=True):
            found.append((span[:, 0] >= max(0, d)) & (span[:, 1] < size + min(0, d)))
        rows, columns = found
        return rows[:, None] & columns[None, :]

    def result(self) -> LayerShifts:
        """Errors, from the sums."""
        count, total, squares = self._plain
        deviation = np.sqrt(max(0.0, squares / count - (total / count) ** 2))

        def error(sums: np.ndarray) -> np.ndarray:
            with np.errstate(divide="ignore", invalid="ignore"):
                root = np.sqrt(sums[1] / sums[0])
                found: np.ndarray = np.where(root == 0, 0.0, root / deviation)
                return found

        errors = {name: error(sums) for name, sums in self._sums.items()}
        shown = None if self._map is None else error(self._map)
        inside, border, changed = errors["inside"], errors["border"], errors["changed"]
        return LayerShifts(self.layer, inside, border, self._exact, changed, shown, self._map_shift)


def _figure(error: float) -> str:
    return "" if np.isnan(error) else f"{error:.3g}"


def _plain(array: np.ndarray | None) -> Any:
    """As lists; JSON has no NaN."""
    if array is None or array.dtype.kind == "b":
        return None if array is None else array.tolist()
    return np.where(np.isfinite(array), array.astype(object), None).tolist()  # type: ignore[call-overload]
