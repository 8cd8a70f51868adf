"""What a class's score depends on in an image: its gradient, and how far it falls when a part is covered.

The gradient is that of Simonyan et al. 2013 (arXiv 1312.6034), covering that of Zeiler and Fergus 2013 (1311.2901).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nbcnn.autotune.auto import resolve_auto
from nbcnn.engine.input_check import check_input
from nbcnn.engine.network import Network
from nbcnn.engine.serial import SerialExecutor
from nbcnn.errors import DataError, ShapeError
from nbcnn.introspect.activations import LayerExecutor
from nbcnn.util.html_table import table

AT_ONCE = 256
"""Covered images that are looked at together."""


class Saliency(NamedTuple):
    """Of N images, for the score of class ``classes`` (N,): ``scores`` (N,), and the maps (N, H, W).

    ``gradient`` is the largest |∂score/∂pixel| of the pixel's channels, pixels as the network gets them.
    ``occlusion`` is by how much the score falls where a square of ``patch`` pixels covers the pixel, the mean over the
    squares that do; ``drops`` (N, R, C) are those of each square, at the rows ``tops`` (R,) and columns ``lefts`` (C,).
    """

    classes: np.ndarray
    scores: np.ndarray
    gradient: np.ndarray
    occlusion: np.ndarray
    drops: np.ndarray
    tops: np.ndarray
    lefts: np.ndarray
    patch: int

    def _repr_html_(self) -> str:
        """In a notebook: where each image's score depends on it most."""
        rows = []
        for n, (one, score) in enumerate(zip(self.classes, self.scores, strict=True)):
            row, column = np.unravel_index(self.gradient[n].argmax(), self.gradient[n].shape)
            top, left = np.unravel_index(self.drops[n].argmax(), self.drops[n].shape)
            square = f"row {self.tops[top]}, column {self.lefts[left]}"
            largest, fall = self.gradient[n].max(), self.drops[n].max()
            rows.append(
                [n, one, f"{score:.4g}", f"row {row}, column {column}", f"{largest:.4g}", square, f"{fall:.4g}"]
            )
        head = ("image", "class", "score", "largest gradient at", "gradient", f"{self.patch}×{self.patch} square at")
        return table((*head, "score falls by"), rows, "what the scores depend on")

    def as_json(self) -> dict[str, Any]:
        """Everything, as lists."""
        return {name: getattr(value, "tolist", lambda v=value: v)() for name, value in self._asdict().items()}


def saliency(
    network: Network,
    images: np.ndarray,
    classes: np.ndarray | None = None,
    *,
    patch: int | None = None,
    stride: int | None = None,
) -> Saliency:
    """Both maps of images (N, C, H, W), bytes or floats scaled as in training, for ``classes`` (N,), else the guesses.

    ``patch`` is the side of the square, by default a seventh of the image, ``stride`` how far the next one is, by
    default half of that. A square is filled with the config's mean (0 in floats). Raises ShapeError for images of
    another shape or a square larger than the image, DataError for what is no class.
    """
    check_input(network, images)
    if len(network.out_shape) != 1:
        raise DataError(f"the network gives {network.out_shape} numbers an image, not one score for each class")
    resolve_auto(network, training=False, threads=1)
    executor = SerialExecutor(network, training=False)
    kept = np.uint8 if images.dtype == np.uint8 else network.dtype
    images = np.array(images, kept)  # a copy: squares are put into it
    all_scores = executor.predict(images)
    chosen = all_scores.argmax(axis=1) if classes is None else _checked(classes, len(images), network.out_shape[0])
    scores = all_scores[np.arange(len(images)), chosen]
    seed = np.zeros(all_scores.shape, network.dtype)
    seed[np.arange(len(images)), chosen] = 1
    found = LayerExecutor(network).of_output(images, seed).image_gradient
    assert found is not None
    side, step = _square(network.in_shape[1:], patch, stride)
    tops, lefts = (_places(size, side, step) for size in network.in_shape[1:])
    fill = _fill(network, images)
    drops = np.stack(
        [
            score - _covered(executor, image, (tops, lefts), side, fill)[:, :, one]
            for image, score, one in zip(images, scores, chosen, strict=True)
        ]
    )
    maps = np.stack([_by_pixel(drop, tops, lefts, side, network.in_shape[1:]) for drop in drops])
    return Saliency(chosen, scores, np.abs(found).max(axis=1), maps, drops, tops, lefts, side)


def _checked(classes: np.ndarray, images: int, outputs: int) -> np.ndarray:
    found = np.broadcast_to(np.asarray(classes), (images,))
    if found.dtype.kind not in "iu" or (images and not 0 <= found.min() <= found.max() < outputs):
        raise DataError(f"classes are whole numbers from 0 to {outputs - 1}, got {np.unique(found).tolist()}")
    return found.astype(np.int64)


def _square(size: tuple[int, ...], patch: int | None, stride: int | None) -> tuple[int, int]:
    smallest = min(size)
    side = max(1, round(smallest / 7)) if patch is None else patch
    step = max(1, side // 2) if stride is None else stride
    if not 1 <= side <= smallest or step < 1:
        words = f"patch must be from 1 to {smallest}, the image's smaller side, and stride at least 1"
        raise ShapeError(f"{words}; got patch {side} and stride {step}")
    return side, step


def _places(size: int, side: int, step: int) -> np.ndarray:
    """Where squares begin, along one axis: so that every pixel is covered by one, if no stride leaves it out."""
    return np.unique([*range(0, size - side, step), size - side])


def _fill(network: Network, images: np.ndarray) -> np.ndarray:
    """(C, 1, 1): what a square is filled with, 0 for the network or nearly so."""
    mean = np.broadcast_to(np.array(network.config.data.mean), network.in_shape[0])
    value = np.clip(np.rint(255 * mean), 0, 255) if images.dtype == np.uint8 else np.zeros_like(mean)
    return value.astype(images.dtype).reshape(-1, 1, 1)


def _covered(
    executor: SerialExecutor, image: np.ndarray, places: tuple[np.ndarray, np.ndarray], side: int, fill: np.ndarray
) -> np.ndarray:
    """The scores (R, C, K) of an image with a square at each place."""
    corners = [(int(top), int(left)) for top in places[0] for left in places[1]]
    found = []
    for first in range(0, len(corners), AT_ONCE):
        part = corners[first : first + AT_ONCE]
        covered = np.repeat(image[None], len(part), axis=0)
        for number, (top, left) in enumerate(part):
            covered[number, :, top : top + side, left : left + side] = fill
        found.append(executor.predict(covered))
    return np.concatenate(found).reshape(len(places[0]), len(places[1]), -1)


def _by_pixel(drops: np.ndarray, tops: np.ndarray, lefts: np.ndarray, side: int, size: tuple[int, ...]) -> np.ndarray:
    """The mean of the squares that cover each pixel; 0 where none does."""
    total, count = np.zeros(size), np.zeros(size)
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            total[top : top + side, left : left + side] += drops[row, column]
            count[top : top + side, left : left + side] += 1
    mean: np.ndarray = total / np.maximum(count, 1)
    return mean
