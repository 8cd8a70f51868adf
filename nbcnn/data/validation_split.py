"""Validation images held out of the training images: a stratified share, chosen by the seed."""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b
from math import floor

import numpy as np
from numpy.typing import NDArray

from nbcnn.data.dataset import Dataset, Split
from nbcnn.errors import DataError
from nbcnn.util.formatting import counted
from nbcnn.util.rng import stream


def hold_out(data: Dataset, share: float | None, seed: int) -> Dataset:
    """The data set with ``share`` (above 0, below 1) of each class's training images as validation images.

    Which ones is a function of the seed and of an image's number; both parts keep the order of the images. A data set
    that has validation images of its own keeps them, with a note; with None it stays as it is. Its digest stays that of
    the whole. Raises DataError for a class of which no image, or all of them, would have to be held out.
    """
    if share is None:
        return data
    if data.validation is not None:
        own = f"data.validation: {share:g} holds out no training images: the data have validation images of their own"
        return replace(data, notes=(*data.notes, own))
    held = _chosen(data, share, seed)
    note = (
        f"held out of each class for validation: {share:.4g} of its training images; they choose the best checkpoint, "
        "the test images are looked at once, at the end"
    )
    return replace(
        data,
        train=_part(data.train, ~held),
        validation=_part(data.train, held),
        notes=(*data.notes, note),
        whole_digest=data.digest,
    )


def count_held_out(images: int, share: float) -> int:
    """How many images of a class are held out: images · share to the nearest, halves up; at least 1, and 1 stays."""
    return min(max(floor(images * share + 0.5), 1), images - 1)


def _chosen(data: Dataset, share: float, seed: int) -> NDArray[np.bool_]:
    """Which training images (N,) are held out.

    Each draws a number, and of a class those with the lowest are taken. Copies of an image have the number of the first
    of them, and stay together: what was trained on would say nothing about images that were not.
    """
    labels = data.train.labels
    first: dict[bytes, int] = {}
    content = np.array(
        [first.setdefault(blake2b(image.data, digest_size=16).digest(), n) for n, image in enumerate(data.train.images)]
    )
    # Raw numbers of the bit generator, which NumPy promises to keep, as in batches.epoch_order.
    draws = stream(seed, "validation").bit_generator.random_raw(len(labels))[content]
    held = np.zeros(len(labels), np.bool_)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        members = members[np.lexsort((content[members], draws[members]))]
        # Where one image ends and the next begins, among the members in the order of their draws.
        ends = 1 + np.flatnonzero(content[members[1:]] != content[members[:-1]])
        if not ends.size:
            raise DataError(_too_few(data, int(label), len(members), share))
        wanted = count_held_out(len(members), share)
        held[members[: ends[np.argmin(np.abs(ends - wanted))]]] = True
    return held


def _part(split: Split, chosen: NDArray[np.bool_]) -> Split:
    files = tuple(file for file, take in zip(split.files, chosen.tolist(), strict=True) if take) if split.files else ()
    return Split(split.images[chosen], split.labels[chosen], files=files)


def _too_few(data: Dataset, label: int, count: int, share: float) -> str:
    alike = ", all the same" if count > 1 else ""
    left = "none" if alike else "1 - 1 = 0"
    return (
        f"{data.name} ({data.source}): data.validation: {share:g} can't be held out of the class "
        f"{data.classes[label]}, which has {counted(count, 'training image')}{alike}: one to validate with leaves "
        f"{left} to train on; give each class at least 2 different ones, or leave data.validation out"
    )
