"""Evaluation: a trained network on the test images of its data set, or of another one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nbcnn.config import Overrides, load_config
from nbcnn.data import Dataset, load_dataset
from nbcnn.engine import Engine
from nbcnn.errors import DataError
from nbcnn.loading import load, trained
from nbcnn.network import Network
from nbcnn.plugins import blamed


@dataclass(frozen=True)
class Evaluation:
    """``accuracy`` (share of right guesses), mean ``loss``, count of ``images``; ``guesses``, ``labels`` (N,) int64."""

    accuracy: float
    loss: float
    images: int
    guesses: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]

    @property
    def confusion(self) -> np.ndarray:
        """(K, K) counts: row is the true class, column the guess."""
        matrix = np.zeros((len(self.classes),) * 2, np.int64)
        inside = self.guesses < len(self.classes)
        np.add.at(matrix, (self.labels[inside], self.guesses[inside]), 1)
        return matrix


@blamed()
def evaluate(
    source: str | Path | Network, data: str | None = None, *, data_dir: str | None = None, threads: int | None = None
) -> Evaluation:
    """Evaluate a run folder (or a Network) on the test images of its own data set, or of ``data`` (a name or a folder).

    A model that is not trained is refused unless it is given as a Network. Raises DataError where images or labels do
    not fit the network, CheckpointError, and whatever ``load`` raises.
    """
    if data is not None and not isinstance(data, str):
        raise DataError(f"data must be the name of a data set or a folder, got {type(data).__name__}")
    network = source if isinstance(source, Network) else load(trained(source).folder)
    wanted = load_config(network.config.to_mapping(), Overrides(data=data, data_dir=data_dir))
    dataset = load_dataset(wanted.data)
    check_data(network, dataset)
    engine = Engine(network, training=False, threads=threads or network.config.train.threads)
    try:
        return evaluate_engine(engine, dataset)
    finally:
        engine.close()


def evaluate_engine(engine: Engine, data: Dataset) -> Evaluation:
    """The test split, in its own order."""
    images, labels = data.test.images, data.test.labels
    outcome = engine.evaluate(images, labels, np.arange(len(images)))
    right = int(np.count_nonzero(outcome.guesses == labels))
    loss = float(np.sum(outcome.losses, dtype=np.float64)) / len(images)
    return Evaluation(right / len(images), loss, len(images), outcome.guesses, labels, data.classes)


def check_data(network: Network, data: Dataset) -> None:
    """Raise DataError unless images have the network's input shape and the last layer has a score for each label."""
    (c, h, w), (found_c, found_h, found_w) = network.in_shape, data.train.images.shape[1:]
    if (c, h, w) != (found_c, found_h, found_w):
        ways = [f"set input: {{channels: {found_c}, height: {found_h}, width: {found_w}}}"]
        if network.config.data.folder is not None:
            grey = ["--set data.grayscale=true"] if (c, found_c) == (1, 3) else []
            sized = [f"--set data.size=[{h},{w}]"] if (h, w) != (found_h, found_w) else []
            ways = [f"read the images so, {' '.join(grey + sized)}"] * bool(grey or sized) + ways
        raise DataError(
            f"{data.name}: its images are {found_c}×{found_h}×{found_w} (channels × height × width), the network takes "
            f"{c}×{h}×{w}; {', or '.join(ways)}, or choose other data"
        )
    last = list(network.layers())[-1]
    if len(network.out_shape) != 1:
        raise DataError(
            f"{last.where}: the last layer gives {network.out_shape} numbers an image, training needs one score for "
            f"each of {len(data.classes)} classes; end with flatten and linear: {{out_features: {len(data.classes)}}}"
        )
    largest = max(int(split.labels.max(initial=0)) for split in (data.train, data.test))
    if largest >= network.out_shape[0]:
        raise DataError(
            f"{last.where}: labels of {data.name} go from 0 to {largest}, the last layer gives only "
            f"{network.out_shape[0]} scores; it needs out_features: {max(largest + 1, len(data.classes))}"
        )
