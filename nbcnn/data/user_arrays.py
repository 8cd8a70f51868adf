"""A data set from the user's own arrays, for training from Python, and its IDX files in the run folder."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nbcnn.data.dataset import Dataset, Split
from nbcnn.data.idx import write_idx
from nbcnn.data.idx_files import NAMES
from nbcnn.data.train_test_split import lowest_fifth
from nbcnn.errors import DataError

_FORMS = "expected (images, labels), or ((images, labels), (test_images, test_labels))"


def own_dataset(data: Any) -> Dataset:
    """The data set of ``(images, labels)`` or ``((images, labels), (test_images, test_labels))``; a Dataset as it is.

    Images are (N, C, H, W) or (N, H, W): uint8 from 0 to 255, or other numbers that are bytes exactly (whole ones from
    0 to 255, or floats k/255). Labels are whole numbers (N,) from 0 to 255. Without test images, about a fifth of each
    class is held out, chosen by a hash of the pixels: the same images every time, and equal ones on one side. Raises
    DataError with the line of Python that mends it.
    """
    if isinstance(data, Dataset):
        return data
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise DataError(f"data: {_FORMS}, got {type(data).__name__}")
    if all(isinstance(part, (tuple, list)) and len(part) == 2 and np.ndim(part[1]) == 1 for part in data):
        train, test = (_split(images, labels, name) for (images, labels), name in zip(data, ("", "test_"), strict=True))
    else:
        images, labels = data
        train, test = _held_out(_split(images, labels, ""))
    classes = 1 + max(int(split.labels.max()) for split in (train, test))
    return Dataset("arrays", train, test, tuple(str(k) for k in range(classes)), "arrays in memory", numbered=True)


def write_folder(folder: Path, data: Dataset) -> None:
    """Write a data set as four IDX files, as which ``load_folder`` reads it to the same bits."""
    folder.mkdir()
    for part, (images, labels) in zip((data.train, data.test), (NAMES[:2], NAMES[2:]), strict=True):
        write_idx(folder / images, part.images[:, 0] if part.images.shape[1] == 1 else part.images)
        write_idx(folder / labels, part.labels.astype(np.uint8))


def _split(images: Any, labels: Any, which: str) -> Split:
    pixels = np.ascontiguousarray(_bytes(np.asarray(images), f"{which}images"))
    numbers = _classes(np.asarray(labels), f"{which}labels")
    return Split(pixels, numbers, (f"data: {which}images", f"data: {which}labels"))


def _bytes(x: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Images as bytes (N, C, H, W), where that loses nothing."""
    if x.ndim == 3:
        x = x[:, None]
    if x.ndim != 4:
        raise DataError(f"data: {name} must be (N, C, H, W), or (N, H, W) for one channel, got shape {x.shape}")
    if x.shape[3] in (1, 3, 4) and min(x.shape[1:3]) > 4:
        raise DataError(
            f"data: {name} of shape {x.shape} look channels-last (N, H, W, C); write {name}.transpose(0, 3, 1, 2)"
        )
    if x.dtype == np.uint8:
        return x
    if x.dtype.kind not in "iuf" or not x.size:
        raise DataError(f"data: {name} must be uint8, got {x.dtype} of shape {x.shape}")
    scales = (1.0, 255.0) if x.dtype.kind == "f" and x.max() <= 1 else (1.0,)
    for scaled in (x * np.float64(scale) for scale in scales):
        whole = np.rint(scaled)
        if np.abs(scaled - whole).max() <= 1e-3 and whole.min() >= 0 and whole.max() <= 255:
            return whole.astype(np.uint8)
    raise DataError(
        f"data: {name} must be bytes (uint8, 0 is black, 255 is white), got {x.dtype} from {x.min():.3g} to "
        f"{x.max():.3g}; for pixels from 0 to 1 write np.rint({name} * 255).astype(np.uint8), and leave scaling to "
        "data.mean and data.std"
    )


def _classes(y: NDArray[Any], name: str) -> NDArray[np.int64]:
    if y.ndim == 2 and y.shape[1] > 1:
        raise DataError(f"data: {name} must be class numbers (N,), got shape {y.shape}; write {name}.argmax(axis=1)")
    if y.ndim != 1 or y.dtype.kind not in "iu":
        more = f"; write {name}.astype(int)" if y.ndim == 1 and y.dtype.kind == "f" else ""
        raise DataError(f"data: {name} must be whole numbers (N,), got {y.dtype} of shape {y.shape}{more}")
    if y.size and not 0 <= int(y.min()) <= int(y.max()) <= 255:
        raise DataError(f"data: {name} must be class numbers from 0 to 255, got {y.min()} to {y.max()}")
    return y.astype(np.int64)


def _held_out(split: Split) -> tuple[Split, Split]:
    """Training and test images, at least one of each class in both."""
    sums = [sha256(image.data).digest() for image in split.images]
    test = np.zeros(len(split), bool)
    for label in np.unique(split.labels):
        members = np.flatnonzero(split.labels == label)
        if len({sums[k] for k in members}) < 2:
            raise DataError(
                f"data: class {label} has {len(members)} image{'s' * (len(members) > 1)}, no two of them different; "
                "a part is held out for the test, so give two or more, or test images of your own"
            )
        test[members] = lowest_fifth([sums[k] for k in members])
    return Split(split.images[~test], split.labels[~test]), Split(split.images[test], split.labels[test])
