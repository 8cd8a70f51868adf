"""A data set in memory: splits of images with labels, and the names of the classes."""

from __future__ import annotations

import hashlib
from dataclasses import InitVar, dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nbcnn.errors import DataError, is_printable
from nbcnn.util.formatting import counted


@dataclass(frozen=True, eq=False)
class Split:
    """Images uint8 (N, C, H, W), C-contiguous, and their labels int64 (N,); N, C, H and W at least 1.

    ``origins`` are the names of images and labels (their files) for the error messages; they are not kept. ``files``
    are the images' own, N names, or () where many are in one file. Labels that are strided, and arrays that can't be
    written to, are copied: kernels are compiled for plain ones. Raises DataError for what are no arrays, for other
    dtypes or shapes, or when lengths differ.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    origins: InitVar[tuple[str, str]] = ("images", "labels")
    files: tuple[str, ...] = ()

    def __post_init__(self, origins: tuple[str, str]) -> None:
        images, labels = self.images, self.labels
        for array, origin, wanted in (
            (images, origins[0], "C-contiguous uint8 images (N, C, H, W)"),
            (labels, origins[1], "int64 labels (N,)"),
        ):
            if not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray):
                raise DataError(f"{origin}: expected {wanted} as a NumPy array, got {type(array).__name__}")
        if images.dtype != np.uint8 or images.ndim != 4 or not images.flags.c_contiguous:
            raise DataError(
                f"{origins[0]}: expected C-contiguous uint8 images (N, C, H, W), got {images.dtype} {images.shape}"
                + _remedy(images)
            )
        if labels.dtype != np.int64 or labels.ndim != 1:
            hint = "; convert them: labels.astype('int64')" if labels.ndim == 1 and labels.dtype.kind in "iu" else ""
            raise DataError(f"{origins[1]}: expected int64 labels (N,), got {labels.dtype} {labels.shape}{hint}")
        if images.size == 0:
            raise DataError(f"{origins[0]} holds no images, its shape is {images.shape}")
        if len(images) != len(labels):
            raise DataError(
                f"{origins[0]} holds {counted(len(images), 'image')}, "
                f"but {origins[1]} holds {counted(len(labels), 'label')}"
            )
        if self.files and len(self.files) != len(images):
            raise DataError(f"{counted(len(images), 'image')} can't be from {counted(len(self.files), 'file')}")

        for name, array in (("images", images), ("labels", labels)):
            object.__setattr__(self, name, np.require(np.asarray(array), requirements=["C", "A", "W"]))

    def __len__(self) -> int:
        return len(self.labels)

    def pixel_statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of each channel, pixels counted in 0..1 (white is 1)."""
        means, deviations = [], []
        levels = np.arange(256, dtype=np.float64) / 255
        for channel in range(self.images.shape[1]):
            counts = np.zeros(256, dtype=np.int64)
            # bincount widens to 8 bytes a pixel, hence a thousand images at a time.
            for start in range(0, len(self), 1000):
                counts += np.bincount(self.images[start : start + 1000, channel].reshape(-1), minlength=256)
            share = counts / counts.sum()
            mean = float(share @ levels)
            means.append(mean)
            deviations.append(float(np.sqrt(share @ (levels - mean) ** 2)))
        return tuple(means), tuple(deviations)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training and test images of one shape (C, H, W), labels 0..K-1 for ``classes`` of length K.

    ``source`` says where the files were found. ``pictures``: they were files of pictures, of which ``done`` says what
    was done to how many, and ``white_level`` what became white in those of more than 8 bits. ``validation`` images,
    where there are any, choose the best checkpoint; ``whole_digest`` is given where they were held out of the training
    images, and is the digest of before. ``numbered`` says that the classes have no names and are called by
    their numbers, as those of IDX files. ``notes`` are sentences for the user about how the images were found and
    divided. Raises DataError for labels outside the classes, for splits of different image shapes, and for names of
    classes that no terminal or picture could show.
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    source: str
    validation: Split | None = None
    numbered: bool = False
    notes: tuple[str, ...] = ()
    pictures: bool = False
    done: tuple[str, ...] = ()
    white_level: int | None = None
    whole_digest: str = ""

    def __post_init__(self) -> None:
        named = isinstance(self.classes, (tuple, list)) and all(isinstance(name, str) for name in self.classes)
        if not (named and self.classes):
            raise DataError(f"{self.name}: classes must be a tuple of names, got {self.classes!r}")
        for which, part in (("train", self.train), ("test", self.test)):
            if not isinstance(part, Split):
                raise DataError(f"{self.name}: {which} must be a Split of images and labels, got {type(part).__name__}")
        object.__setattr__(self, "classes", tuple(self.classes))
        if unfit := [name for name in self.classes if not is_printable(name)]:
            raise DataError(
                f"{self.name} ({self.source}): the class {unfit[0]} has a name that can't be shown; rename it"
            )
        for split, part in self.splits.items():
            wrong = np.flatnonzero((part.labels < 0) | (part.labels >= len(self.classes)))
            if wrong.size:
                raise DataError(
                    f"{self.name} ({self.source}): {split} image {wrong[0]} has the label {part.labels[wrong[0]]}, "
                    f"outside of 0..{len(self.classes) - 1} for {counted(len(self.classes), 'class', 'classes')}"
                )
            if self.train.images.shape[1:] != part.images.shape[1:]:
                raise DataError(
                    f"{self.name} ({self.source}): training images are {_times(self.train)}, "
                    f"{split} images are {_times(part)} (channels x height x width); they must be alike"
                )

    @property
    def splits(self) -> dict[str, Split]:
        """The splits by what they are for: training, test and, where there is one, validation."""
        found = {"training": self.train, "test": self.test}
        return found if self.validation is None else found | {"validation": self.validation}

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image."""
        _, channels, height, width = self.train.images.shape
        return channels, height, width

    @property
    def in_words(self) -> str:
        """``60,000 training and 10,000 test images``"""
        held = "" if self.validation is None else f", {len(self.validation):,} validation"
        return f"{len(self.train):,} training{held} and {len(self.test):,} test images"

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all images and labels, in order: whether it is the same data as that of another day.

        Images that were held out count where they were, so that the share of them changes nothing.
        """
        if self.whole_digest:
            return self.whole_digest
        found = hashlib.sha256()
        for split in self.splits.values():
            found.update(repr((split.images.shape, split.images.dtype.str)).encode())
            found.update(split.images.data)
            found.update(split.labels.data)
        return found.hexdigest()


def _remedy(images: np.ndarray) -> str:
    """How an array of images becomes one that is taken."""
    if images.dtype == np.uint8:
        return "; use np.ascontiguousarray(images)" if images.ndim == 4 else ""
    return "; they are bytes from 0 to 255, scaled by the network's own data: mean and std"


def _times(split: Split) -> str:
    return " x ".join(str(size) for size in split.images.shape[1:])
