"""Channels first against channels last: two trainings on the same colour images, one laid out rightly, one reshaped.

A picture file is (H, W, C), a network takes (C, H, W). ``transpose(2, 0, 1)`` moves the axes. ``reshape(C, H, W)``
leaves the bytes in their order and only counts them anew: each "channel" becomes a third of the picture's rows, in
which the colours of a pixel stand side by side. The shape is right, so no error tells of it.
"""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np

from nbcnn.config import Config, Overrides, load_config
from nbcnn.data import Dataset, Split, read_dataset
from nbcnn.engine.network import Network
from nbcnn.errors import DataError
from nbcnn.report.layout_result import LAYOUTS, Layout, LayoutLab, LayoutRun
from nbcnn.training.evaluation import check_data, evaluate_with
from nbcnn.training.trainer import Trainer

SHIFTS = (2, 4, 8)
"""Pixels by which test images are moved."""
MARGIN = 8
"""Black pixels around each picture, so that a shift pushes nothing out of it, and only the layout tells."""


def _convolution(channels: int) -> dict[str, Any]:
    return {"conv2d": {"out_channels": channels, "kernel_size": 3, "padding": 1}}


GLOBAL_POOLING: dict[str, Any] = {
    "name": "global-pooling",
    "input": {"channels": 1, "height": 28, "width": 28},
    "layers": [
        *(_convolution(16), "relu", {"max_pool2d": {"kernel_size": 2}}),
        *(_convolution(32), "relu", {"max_pool2d": {"kernel_size": 2}}),
        *(_convolution(48), "relu", "global_avg_pool2d", "flatten"),
        {"linear": {"out_features": 10}},
    ],
    "data": {"name": "fashion-mnist-mini", "mean": [0.2], "std": [0.3]},
    "train": {"batch_size": 32, "optimizer": {"adam": {"lr": 0.003}}, "init": "kaiming_uniform", "seed": 0},
}
"""Convolutions and a mean over all places: a network that follows shifts, unless the layout keeps it from that."""
DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0))
"""Rows and columns of a shift by one pixel."""


def explain_layout(
    source: str | PathLike[str] | dict[str, Any] | None = None,
    overrides: Overrides | None = None,
    *,
    epochs: int = 2,
    images: int = 5000,
    image: int = 0,
    margin: int = MARGIN,
) -> LayoutLab:
    """Train a model twice, from the same weights on the same pictures, and look at both on shifted test images.

    Without a model it is GLOBAL_POOLING. The model takes colour images here, whatever its config says, and each has
    ``margin`` black pixels around it, so its input is larger by that. ``images`` is how many are trained on at most,
    ``image`` the number of the test image that is shown. Nothing is written. Raises DataError where the data are of
    another size, or there is no such image, and whatever a training raises.
    """
    config = load_config(GLOBAL_POOLING if source is None else source, overrides or Overrides())
    data = read_dataset(config.data)
    colour = load_config(config.to_mapping(), Overrides(sets=("input.channels=3",)))
    _check_size(colour, data)
    size = [f"input.{axis}={getattr(colour.input, axis) + 2 * margin}" for axis in ("height", "width")]
    config = load_config(colour.to_mapping(), Overrides(sets=(*size, f"train.epochs={epochs}")))
    if not 0 <= image < len(data.test):
        raise DataError(f"{data.name} has no test image {image}: they are numbered from 0 to {len(data.test) - 1}")
    both = in_colour(data.train, 0, images), in_colour(data.test, 1, len(data.test))
    train, test = ((_with_margin(pictures, margin), labels) for pictures, labels in both)
    runs = tuple(_trained(config, data, train, test, layout) for layout in LAYOUTS)
    picture = test[0][image]
    seen = {layout: laid_out(picture[None], layout)[0] for layout in LAYOUTS}
    is_grey = data.train.images.shape[1] == 1
    counts = len(train[0]), len(test[0])
    guess = float(np.bincount(test[1]).max() / len(test[1]))
    return LayoutLab(config.name, data.name, is_grey, epochs, *counts, SHIFTS, runs, picture, seen, margin, guess)


Pictures = tuple[np.ndarray, np.ndarray]
"""Pictures (N, H, W, 3) and their labels (N,)."""


def in_colour(split: Split, seed: int, most: int) -> Pictures:
    """The first pictures of a split; grey ones each in a colour of its own, which says nothing of the class."""
    grey = split.images[:most].transpose(0, 2, 3, 1)
    if grey.shape[3] == 3:
        return np.ascontiguousarray(grey), split.labels[:most]
    colours = np.random.default_rng(seed).uniform(0.35, 1, (len(grey), 1, 1, 3))
    return np.rint(grey[..., :1] * colours).astype(np.uint8), split.labels[:most]


def _with_margin(pictures: np.ndarray, margin: int) -> np.ndarray:
    """Pictures (N, H, W, C) with black pixels around them."""
    return np.pad(pictures, ((0, 0), (margin, margin), (margin, margin), (0, 0)))


def _check_size(config: Config, data: Dataset) -> None:
    """Raise DataError where the pictures are of another size than the model takes, before the margin is added."""
    train, test = (in_colour(split, 0, 1) for split in (data.train, data.test))
    splits = [Split(laid_out(pictures, "transposed"), labels) for pictures, labels in (train, test)]
    check_data(Network(config), replace(data, train=splits[0], test=splits[1], validation=None))


def laid_out(pictures: np.ndarray, layout: Layout) -> np.ndarray:
    """Pictures (N, H, W, C) as (N, C, H, W): ``transposed`` is right, ``reshaped`` the mistake."""
    count, height, width, channels = pictures.shape
    if layout == "transposed":
        return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))
    return np.ascontiguousarray(pictures).reshape(count, channels, height, width)


def shifted(pictures: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Pictures (N, H, W, C) moved down by rows and to the right by columns; black comes in from outside."""
    found = np.zeros_like(pictures)
    height, width = pictures.shape[1:3]
    down, up = slice(max(rows, 0), max(height + rows, 0)), slice(max(-rows, 0), max(height - rows, 0))
    right, left = slice(max(columns, 0), max(width + columns, 0)), slice(max(-columns, 0), max(width - columns, 0))
    found[:, down, right] = pictures[:, up, left]
    return found


def _trained(config: Config, data: Dataset, train: Pictures, test: Pictures, layout: Layout) -> LayoutRun:
    splits = [Split(laid_out(pictures, layout), labels) for pictures, labels in (train, test)]
    own = replace(data, train=splits[0], test=splits[1], validation=None)
    network = Network(config)
    check_data(network, own)
    trainer = Trainer(network, own)
    try:
        for _ in range(config.train.epochs):
            for order in trainer.batches():
                trainer.step(order)
            trainer.position.next_epoch()
        learned, plain = (evaluate_with(trainer.executor, own, split) for split in splits)
        accuracies, kept = list[float](), list[float]()
        for distance in SHIFTS:
            moved = [shifted(test[0], rows * distance, columns * distance) for rows, columns in DIRECTIONS]
            found = [evaluate_with(trainer.executor, own, Split(laid_out(one, layout), test[1])) for one in moved]
            accuracies.append(float(np.mean([one.accuracy for one in found])))
            kept.append(float(np.mean([np.mean(one.guesses == plain.guesses) for one in found])))
    finally:
        trainer.close()
    return LayoutRun(layout, learned.accuracy, plain.accuracy, tuple(accuracies), tuple(kept))
