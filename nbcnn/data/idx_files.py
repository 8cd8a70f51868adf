"""The four IDX files of a data set: their names, the search for them, their reading."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nbcnn.data.dataset import Split
from nbcnn.data.idx import content_sha256, read_idx
from nbcnn.errors import DataError
from nbcnn.util.user_folders import user_cache, variable_folder

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
NAMES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)
ENVIRONMENT = "NBCNN_DATA_DIR"


class IdxFiles(NamedTuple):
    """Where the four files of a data set are."""

    train_images: Path
    train_labels: Path
    test_images: Path
    test_labels: Path


def find_file(folder: Path, name: str) -> Path | None:
    """The file of this name in the folder: also written with a dot (``train-images.idx3-ubyte``), also with .gz."""
    dotted = name.replace("-idx", ".idx")
    for candidate in (name, dotted, f"{name}.gz", f"{dotted}.gz"):
        if os.path.isfile(folder / candidate):  # False, too, in a folder that may not be read
            return folder / candidate
    return None


def find_files(folder: Path) -> IdxFiles | None:
    """All four files of the folder, or None if one is missing."""
    found = [path for name in NAMES if (path := find_file(folder, name))]
    return IdxFiles(*found) if len(found) == len(NAMES) else None


def find_below(folder: Path) -> Path | None:
    """The folder that has some of the four files: this one, or one below it, as torchvision keeps them (MNIST/raw).

    Raises DataError where several have.
    """
    if _has_some(folder):
        return folder
    below = [path for path in sorted(folder.iterdir()) if path.is_dir()]
    found = [path for one in below for path in (one, one / "raw") if _has_some(path)]
    if len(found) > 1:
        names = ", ".join(str(path) for path in found)
        raise DataError(f"{folder} has the IDX files of several data sets; give the folder of one: {names}")
    return found[0] if found else None


def _has_some(folder: Path) -> bool:
    return any(find_file(folder, name) for name in NAMES)


def find_in(places: Iterable[Path], name: str, torchvision: str = "") -> IdxFiles | None:
    """The files of the first place that has them: in its sub-folder ``name``, as torchvision puts them, or in itself.

    The sub-folders come first, so that one folder may keep another data set of the same file names in itself.
    """
    for place in places:
        theirs = (place / torchvision / "raw", place / "raw") if torchvision else ()
        for folder in (place / name, *theirs, place):
            if files := find_files(folder):
                return files
    return None


def user_places(data_dir: Path | None) -> list[Path]:
    """The folders of the user, nearest first: --data-dir, NBCNN_DATA_DIR, the cache.

    Raises DataError for a variable that holds no folder's name.
    """
    places = [data_dir] if data_dir else []
    try:
        variable = variable_folder(ENVIRONMENT)
    except ValueError as error:
        raise DataError(f"{error}; give the folder in full") from None
    if variable:
        if variable.exists() and not variable.is_dir():
            raise DataError(f"{ENVIRONMENT} is {variable}, which is a file; expected a folder of data sets")
        places.append(variable)
    with suppress(ValueError):  # a user without a home has no cache
        places.append(user_cache() / "data")
    return places


def place_to_fetch_to(data_dir: Path | None) -> Path:
    """The nearest folder of the user; raises DataError where there is none."""
    places = user_places(data_dir)
    if not places:
        raise DataError(f"this user has no home folder to fetch to; give a folder with --data-dir or {ENVIRONMENT}")
    return places[0]


def check_data_dir(data_dir: Path | None) -> None:
    """Raise DataError for a folder to look in that is not there: most likely its name is misspelt."""
    if data_dir is not None and not data_dir.is_dir():
        fault = "is not a folder" if data_dir.exists() else "does not exist"
        raise DataError(
            f"the data folder {data_dir} {fault}; name another, or make it with: "
            f"nbcnn data fetch NAME --data-dir {data_dir}"
        )


def read_splits(files: IdxFiles, contents: Sequence[str] = (), name: str = "") -> tuple[Split, Split]:
    """Training and test images with their labels; raises DataError naming the file that is wrong.

    Images have 3 dimensions (N, H, W) or 4 (N, C, H, W), labels 1. ``contents`` are the SHA-256 sums that the four
    plain files of the data set ``name`` must have, or nothing if any content will do.
    """
    train_images, train_labels, test_images, test_labels = (
        _read(path, expected, name) for path, expected in zip_longest(files, contents, fillvalue="")
    )
    return (
        _split(train_images, train_labels, files.train_images, files.train_labels),
        _split(test_images, test_labels, files.test_images, files.test_labels),
    )


def _read(path: str | Path, expected: str, name: str) -> NDArray[np.uint8]:
    array = read_idx(path)
    if expected and (got := content_sha256(array)) != expected:
        raise DataError(
            f"{path} is not the file of {name}: the SHA-256 of its content is {got}, expected {expected}; delete it "
            f"and run nbcnn data fetch {name}, or train on files of your own with the setting data.folder"
        )
    return array


def _split(images: NDArray[np.uint8], labels: NDArray[np.uint8], images_path: Path, labels_path: Path) -> Split:
    if images.ndim not in (3, 4):
        raise DataError(f"{images_path}: expected images (N, H, W) or (N, C, H, W), got the shape {images.shape}")
    if images.ndim == 4 and images.shape[3] in (1, 3, 4) and min(images.shape[1:3]) > 4:
        raise DataError(
            f"{images_path} has the shape {images.shape}, which looks channels-last (N, H, W, C), expected "
            "(N, C, H, W); write it anew with images.transpose(0, 3, 1, 2)"
        )
    if labels.ndim != 1:
        raise DataError(f"{labels_path}: expected labels (N,), got the shape {labels.shape}")
    batch = images[:, None] if images.ndim == 3 else images
    return Split(batch, labels.astype(np.int64), (str(images_path), str(labels_path)))
