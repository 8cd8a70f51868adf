"""``nbcnn.evaluate``: accuracy and loss of a trained network on test images."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from os import PathLike
from typing import Literal

import numpy as np

from nbcnn.autotune.auto import resolve_auto
from nbcnn.config import Overrides, load_config
from nbcnn.data import Dataset, Split, read_dataset
from nbcnn.data.classes import OTHER, by_name, in_terms_of
from nbcnn.data.duplicates import warn_of_duplicates
from nbcnn.engine.engine import Engine
from nbcnn.engine.executor import Executor
from nbcnn.engine.network import Network
from nbcnn.errors import DataError
from nbcnn.plugins import blamed
from nbcnn.training.loading import load, trained
from nbcnn.training.tta import TTA, check_tta, cross_entropy, scores
from nbcnn.util.html_table import table


@dataclass(frozen=True)
class Evaluation:
    """``accuracy`` (share of right guesses), mean ``loss``, count of ``images``; ``guesses``, ``labels`` (N,) int64.

    Both count into ``classes``; guesses go up to ``outputs`` - 1, which may be more. ``test_images_in_training`` is how
    many of the images are in the training split of the same data too; ``data_changed`` says whether the data are others
    now than in the network's training, None where that is not known or it is another data set; ``labels_by`` is
    "position" where one side has numbers for classes. ``tta`` is what was averaged over at test time.
    """

    accuracy: float
    loss: float
    images: int
    guesses: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    outputs: int
    test_images_in_training: int = 0
    data_changed: bool | None = None
    labels_by: Literal["name", "position"] = "name"
    tta: TTA | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the confusion's columns: the classes, and OTHER where the network has more outputs."""
        return (*self.classes, OTHER) if self.outputs > len(self.classes) else self.classes

    @property
    def confusion(self) -> np.ndarray:
        """(K, K) counts: row is the true class, column the guess.

        (K, K + 1) where the network has more outputs than classes: the last column counts all guesses of those. The sum
        is the count of images.
        """
        matrix = np.zeros((len(self.classes), len(self.columns)), np.int64)
        np.add.at(matrix, (self.labels, np.minimum(self.guesses, len(self.classes))), 1)
        return matrix

    def _repr_html_(self) -> str:
        """In a notebook: the confusion, a row for each true class."""
        counts = zip(self.classes, self.confusion, strict=True)
        rows = [
            [name, *(f"{n:,}" for n in row), f"{row[k]:,} of {row.sum():,}"] for k, (name, row) in enumerate(counts)
        ]
        words = (
            f"accuracy {100 * self.accuracy:.2f} %, loss {self.loss:.4f}, {self.images:,} images; columns: predicted"
        )
        return table(("class", *self.columns, "right"), rows, words)


@blamed()
def evaluate(
    source: str | PathLike[str] | Network,
    data: str | None = None,
    *,
    data_dir: str | None = None,
    threads: int | None = None,
    tta: TTA | None = None,
) -> Evaluation:
    """Evaluate a run folder (or a Network) on the test images of its own data set, or of ``data`` (a name or a folder).

    ``tta="flip"`` averages the scores of each image and its mirror image (tta.py).

    Labels go by the names of classes where both sides have names. A model that is not trained is refused unless it is
    given as a Network. Raises DataError where images or labels do not fit the network or it does not know a class,
    CheckpointError, and whatever ``load`` raises. Warns where the images have changed since the training.
    """
    check_tta(tta)
    if data is not None and not isinstance(data, str):
        raise DataError(f"data must be the name of a data set or a folder, got {type(data).__name__}")
    network = source if isinstance(source, Network) else load(trained(source).folder)
    wanted = load_config(network.config.to_mapping(), Overrides(data=data, data_dir=data_dir))
    found, outputs = read_dataset(wanted.data), network.out_shape[0]
    check_images(network, found)
    dataset = in_terms_of(found, network.classes, outputs)
    check_data(network, dataset)
    shared = warn_of_duplicates(found).shared["test", "training"]
    changed = _changed(network, found, dataset)
    threads = threads or network.config.train.threads
    resolve_auto(network, training=False, threads=threads)
    engine = Engine(network, training=False, threads=threads)
    try:
        result = evaluate_with(engine, dataset) if tta is None else _with_tta(engine, dataset, tta)
    finally:
        engine.close()
    by: Literal["name", "position"] = "name" if by_name(found, network.classes, outputs) else "position"
    return replace(result, test_images_in_training=shared, data_changed=changed, labels_by=by)


def evaluate_with(executor: Executor, data: Dataset, split: Split | None = None) -> Evaluation:
    """A split, which is the test where none is given, in its own order."""
    split = split or data.test
    images, labels = split.images, split.labels
    outcome = executor.evaluate(images, labels, np.arange(len(images)))
    right = int(np.count_nonzero(outcome.guesses == labels))
    loss = float(np.sum(outcome.losses, dtype=np.float64)) / len(images)
    outputs = executor.network.out_shape[0]
    return Evaluation(right / len(images), loss, len(images), outcome.guesses, labels, data.classes, outputs)


def _with_tta(executor: Executor, data: Dataset, tta: TTA) -> Evaluation:
    """As ``evaluate_with`` on the test images, by averaged scores."""
    images, labels = data.test.images, data.test.labels
    found = scores(executor.predict, images, tta)
    guesses = found.argmax(axis=1)  # the first of equals, as the kernel has it
    accuracy, loss = float(np.mean(guesses == labels)), float(cross_entropy(found, labels).mean())
    return Evaluation(accuracy, loss, len(images), guesses, labels, data.classes, found.shape[1], tta=tta)


def _changed(network: Network, data: Dataset, mapped: Dataset) -> bool | None:
    """Whether the data of the training are others now, which is said; None where these are not those.

    ``mapped`` is the same with labels in terms of the network's classes, as a training that went on may have had it.
    """
    record = network.trained_on
    if record.get("name") != data.name or not isinstance(record.get("sha256"), str):
        return None
    if record["sha256"] in (data.digest, mapped.digest):
        return False
    train, held = record.get("train"), record.get("validation")
    if data.validation is None and isinstance(train, int) and isinstance(held, int):
        train += held  # they were held out of the training images
    then = f"{_count(train, 'training')} and {_count(record.get('test'), 'test')}"
    warnings.warn(
        f"{data.name} ({data.source}): images or labels have changed since the training, which had {then} images; now "
        f"there are {len(data.train):,} training and {len(data.test):,} test images. Some test images may have been "
        "trained on: restore the data, or train anew",
        RuntimeWarning,
        stacklevel=4,
    )
    return True


def _count(count: object, what: str) -> str:
    return f"{count:,} {what}" if isinstance(count, int) else f"other {what}"


def check_images(network: Network, data: Dataset) -> None:
    """Raise DataError unless images have the network's input shape and the last layer gives scores."""
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


def check_data(network: Network, data: Dataset) -> None:
    """As ``check_images``, and raise DataError unless the last layer has a score for each label."""
    check_images(network, data)
    last = list(network.layers())[-1]
    largest = max(int(split.labels.max(initial=0)) for split in data.splits.values())
    if largest >= network.out_shape[0]:
        raise DataError(
            f"{last.where}: labels of {data.name} go from 0 to {largest}, the last layer gives only "
            f"{network.out_shape[0]} scores; it needs out_features: {max(largest + 1, len(data.classes))}"
        )
