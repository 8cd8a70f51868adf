"""A search for duplicate images: in both training and test, or under two labels."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nbcnn.data.dataset import Dataset
from nbcnn.errors import printable
from nbcnn.util.formatting import counted

EXAMPLES = 3


class Place(NamedTuple):
    """The position of an image: its split, its index there from 0, and its label."""

    split: str
    number: int
    label: int


@dataclass(frozen=True)
class Duplicates:
    """The result of ``find_duplicates``: images that are the same pixel by pixel.

    ``shared`` has, for pairs of splits such as ("test", "training"), how many images of the first are in the second
    too; ``copies`` is how many images of all splits are the same as an earlier one; ``two_labels`` is how many are
    there with more than one label. ``examples`` of each, at most EXAMPLES, are pairs of names.
    """

    shared: dict[tuple[str, str], int]
    copies: int
    two_labels: int
    examples: dict[tuple[str, str], list[str]]

    @property
    def sentences(self) -> list[str]:
        """Sentences on duplicates that distort the test accuracy."""
        said = []
        for pair, count in self.shared.items():
            if count:
                are = "is also a" if count == 1 else "are also"
                what = f"{counted(count, f'{pair[0]} image')} {are} {pair[1]} image{'' if count == 1 else 's'}"
                way = "an accuracy on images that are known already says little; keep each in one of the two"
                said.append(f"{what}, pixel by pixel the same ({self._shown(pair, count)}): {way}")
        if self.two_labels:
            are = "is" if self.two_labels == 1 else "are"
            shown = self._shown(_LABELS, self.two_labels)
            what = f"{counted(self.two_labels, 'image')} {are} there twice, under two labels"
            said.append(f"{what}, and one of them is wrong ({shown}): keep each in one class")
        return said

    def _shown(self, what: tuple[str, str], count: int) -> str:
        return ", ".join(self.examples[what]) + (", …" if count > EXAMPLES else "")


_LABELS = ("label", "label")
_PAIRS = (("test", "training"), ("validation", "training"), ("validation", "test"))


def find_duplicates(data: Dataset) -> Duplicates:
    """Hold every image against every other, by a digest of its pixels; 70,000 of MNIST's take a tenth of a second."""
    pairs = [pair for pair in _PAIRS if pair[0] in data.splits]
    shared, copies = dict.fromkeys(pairs, 0), 0
    examples: dict[tuple[str, str], list[str]] = {what: [] for what in (*pairs, _LABELS)}
    digests = {split: [_digest(image) for image in part.images] for split, part in data.splits.items()}
    if len(set().union(*digests.values())) == sum(map(len, digests.values())):
        return Duplicates(shared, copies, 0, examples)
    first: dict[str, dict[bytes, Place]] = {}  # of each split, where a digest is met first
    labels: dict[bytes, Place] = {}
    several: set[bytes] = set()
    for split, part in data.splits.items():
        met = first[split] = {}
        for number, (digest, label) in enumerate(zip(digests[split], part.labels.tolist(), strict=True)):
            here = Place(split, number, label)
            met.setdefault(digest, here)
            earlier = labels.setdefault(digest, here)
            copies += earlier is not here
            for pair in pairs:
                if pair[0] == split and digest in first[pair[1]]:
                    shared[pair] += 1
                    _note(examples[pair], f"{_called(data, here)} is {_called(data, first[pair[1]][digest])}")
            if earlier.label != label and digest not in several:
                several.add(digest)
                names = [f"{_called(data, place)} as {data.classes[place.label]}" for place in (earlier, here)]
                _note(examples[_LABELS], " and ".join(names))
    return Duplicates(shared, copies, len(several), examples)


def _digest(image: NDArray[np.uint8]) -> bytes:
    return blake2b(image.data, digest_size=16).digest()


def warn_of_duplicates(data: Dataset) -> Duplicates:
    """Say so where test images are training images too, or images have two labels; returns what was found."""
    found = find_duplicates(data)
    for sentence in found.sentences:
        warnings.warn(printable(f"{data.name}: {sentence}"), RuntimeWarning, stacklevel=3)
    return found


def _note(examples: list[str], sentence: str) -> None:
    if len(examples) < EXAMPLES:
        examples.append(sentence)


def _called(data: Dataset, place: Place) -> str:
    """The image's file, or which it is."""
    files = data.splits[place.split].files
    return files[place.number] if files else f"{place.split} image {place.number}"
