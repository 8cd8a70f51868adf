"""``nbcnn.predict``: the classes of pictures, made into pixels as the training images were."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nbcnn.data.image_file import Step
from nbcnn.data.picture import PictureSettings, Prepared, prepare
from nbcnn.errors import DataError
from nbcnn.plugins import blamed
from nbcnn.runs.run_folder import Kind
from nbcnn.training.loading import load, trained
from nbcnn.training.model import Model
from nbcnn.training.tta import TTA, check_tta, scores
from nbcnn.util.html_table import table

if TYPE_CHECKING:
    from PIL.Image import Image

AT_ONCE = 64
"""Pictures that are read and predicted together."""

LISTED = 10
"""Unreadable pictures that an error names."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """A picture's classes, the likeliest first.

    ``picture`` is what it was called: a path, or its number among those that were given, from 0. ``classes`` are names
    (numbers as text where no names are known), ``indices`` (K,) their places among the network's scores,
    ``probabilities`` (K,) theirs, which sum to 1; all in the same order. ``steps`` says what was done to the picture.
    """

    picture: str
    classes: tuple[str, ...]
    indices: np.ndarray
    probabilities: np.ndarray
    steps: tuple[str, ...]

    @property
    def name(self) -> str:
        """The likeliest class."""
        return self.classes[0]

    @property
    def probability(self) -> float:
        """The probability of the likeliest class."""
        return float(self.probabilities[0])

    def _repr_html_(self) -> str:
        """In a notebook: the five likeliest classes."""
        rows = [(name, f"{100 * p:.1f} %") for name, p in zip(self.classes[:5], self.probabilities, strict=False)]
        return table(("class", "probability"), rows, "; ".join([f"picture {self.picture}", *self.steps]))


@blamed()
def predict(
    source: str | PathLike[str] | Model,
    pictures: str | Path | Image | np.ndarray | Iterable[Any],
    *,
    weights: str | Path | None = None,
    which: Kind = "best",
    invert: bool | None = None,
    tta: TTA | None = None,
) -> list[Prediction]:
    """Classify pictures with a run folder's network (or a Model, or with ``weights`` any model), one result for each.

    ``pictures`` is one or several: paths of files, or pictures of Pillow's, which become pixels as on the command line
    (nbcnn.data.picture.prepare); or an array of images (N, C, H, W), or one (C, H, W), of the network's own shape:
    bytes are scaled as in training, float32 taken as it is. ``invert`` swaps light and dark, or never does; None
    decides by the training images. ``tta="flip"`` averages the scores of each picture and its mirror image.

    Raises DataError that names the first LISTED pictures that can't be read, for arrays of another shape, and for a
    network that has not one score for each class; CheckpointError and whatever ``load`` raises.
    """
    check_tta(tta)
    network = network_of(source, weights, which)
    if isinstance(pictures, np.ndarray):
        return _of_array(network, pictures, tta)
    given: list[Any] = (
        [pictures] if isinstance(pictures, (str, Path)) or hasattr(pictures, "getexif") else list(pictures)
    )
    found = list(predictions(network, given, invert, tta))
    failures = [one for one in found if isinstance(one, DataError)]
    if failures:
        raise failures[0] if len(failures) == 1 else DataError("\n".join(listed(failures, len(found))))
    return [one for one in found if isinstance(one, Prediction)]


def network_of(source: str | PathLike[str] | Model, weights: str | Path | None = None, which: Kind = "best") -> Model:
    """The network to predict with; raises CheckpointError for a model that is not trained, unless it has ``weights``.

    Raises DataError where it has not one score for each class. Warns where nobody has recorded how it was trained.
    """
    if isinstance(source, Model):
        network = source
    else:
        network = load(source if weights else trained(source).folder, weights=weights, which=which)
    if len(network.out_shape) != 1:
        what = network.config.name if isinstance(source, Model) else source
        raise DataError(f"{what}: its network gives {network.out_shape} numbers an image, not one score for each class")
    if network.reading is None and not isinstance(source, Model):
        warnings.warn(
            f"{weights or source}: nothing says which classes the network was trained on and how their pictures were "
            "read (weights of nbcnn do, and run.json does), so classes are numbers and no picture is inverted",
            RuntimeWarning,
            stacklevel=3,
        )
    return network


def predictions(
    network: Model, pictures: Iterable[str | Path | Image], invert: bool | None = None, tta: TTA | None = None
) -> Iterator[Prediction | DataError]:
    """For each picture its prediction, or why it can't be read; AT_ONCE pictures are looked at together."""
    waiting: list[tuple[str, Prepared | DataError]] = []
    for number, picture in enumerate(pictures):
        waiting.append((_called(picture, number), _prepared(network, picture, invert)))
        if len(waiting) == AT_ONCE:
            yield from _guessed(network, waiting, tta)
            waiting = []
    yield from _guessed(network, waiting, tta)


def listed(failures: Sequence[DataError], count: int) -> list[str]:
    """Lines that name the first LISTED of the pictures that can't be read, of ``count``."""
    more = [f"  and {len(failures) - LISTED:,} more"] * (len(failures) > LISTED)
    first = f"{len(failures):,} of {count:,} pictures can't be read:"
    return [first, *(f"  {failure}" for failure in failures[:LISTED]), *more]


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax of scores (N, K) along the classes, equation (14)."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return result


def _prepared(network: Model, picture: Any, invert: bool | None) -> Prepared | DataError:
    reading = network.reading or PictureSettings()
    channels, height, width = network.in_shape
    if not isinstance(picture, (str, Path)) and not hasattr(picture, "getexif"):
        return DataError(
            f"a picture is a path or one of Pillow's, got {type(picture).__name__}; an array is given alone, as images "
            "(N, C, H, W) of the network's shape, or made a picture by PIL.Image.fromarray"
        )
    how = reading.dark_background, invert, reading.white_level, reading.pictures
    try:
        return prepare(picture, channels, height, width, *how)
    except DataError as fault:
        return fault


def _guessed(
    network: Model, waiting: list[tuple[str, Prepared | DataError]], tta: TTA | None
) -> Iterator[Prediction | DataError]:
    images = [one.image for _, one in waiting if isinstance(one, Prepared)]
    shares = iter(probabilities(scores(network.scores, np.stack(images), tta)) if images else ())
    for name, one in waiting:
        yield one if isinstance(one, DataError) else _ordered(network, name, next(shares), one.steps)


def _of_array(network: Model, images: np.ndarray, tta: TTA | None) -> list[Prediction]:
    batch = images[None] if images.shape == network.in_shape else images
    if batch.dtype != np.uint8:
        network.check_input(batch)
        batch = np.ascontiguousarray(batch, network.dtype)
    elif batch.shape[1:] != network.in_shape:
        c, h, w = network.in_shape
        raise DataError(
            f"expected images (N, {c}, {h}, {w}), got {images.dtype} {images.shape}; pictures of other sizes are given "
            "as paths or as PIL.Image.fromarray(picture)"
        )
    shares = probabilities(scores(network.scores, batch, tta)) if len(batch) else batch
    return [_ordered(network, str(n), share, []) for n, share in enumerate(shares)]


def _ordered(network: Model, name: str, shares: np.ndarray, steps: list[Step]) -> Prediction:
    order = np.argsort(-shares, kind="stable")
    return Prediction(name, tuple(network.class_name(int(k)) for k in order), order, shares[order], tuple(steps))


def _called(picture: Any, number: int) -> str:
    return str(picture) if isinstance(picture, (str, Path)) else str(number)
