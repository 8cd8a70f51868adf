"""Images and labels: named data sets, the user's folders and arrays, batches."""

from __future__ import annotations

import os
from typing import Literal, Protocol, overload

import numpy as np
from numpy.typing import NDArray

from nbcnn.data.augment import epoch_augmentations
from nbcnn.data.batches import batches, epoch_order
from nbcnn.data.dataset import Dataset, Split
from nbcnn.data.duplicates import Duplicates, find_duplicates, warn_of_duplicates
from nbcnn.data.folder import load_folder
from nbcnn.data.idx import read_idx, write_idx
from nbcnn.data.source import DATASETS, DataSource
from nbcnn.errors import DataError
from nbcnn.plugins import remedy
from nbcnn.util.user_folders import expanded

__all__ = [
    "DATASETS",
    "DataSource",
    "Dataset",
    "Duplicates",
    "Split",
    "batches",
    "data_source",
    "dataset_names",
    "epoch_augmentations",
    "epoch_order",
    "find_duplicates",
    "load",
    "load_dataset",
    "load_folder",
    "read_dataset",
    "read_idx",
    "write_idx",
]


MOVED = "; if it was moved or is called otherwise now, say where it is: --data FOLDER (in Python data=...)"


class DataSettings(Protocol):
    """The attributes that ``load`` reads of a config's ``data`` section."""

    @property
    def name(self) -> str | None:
        """A named data set; not looked at if ``folder`` is given."""

    @property
    def folder(self) -> str | os.PathLike[str] | None:
        """A folder of the user's own."""

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width to resize a folder's images to."""

    @property
    def grayscale(self) -> bool:
        """Whether to make a folder's images grey."""

    @property
    def white_level(self) -> int | None:
        """The level that becomes white in a folder's images of more than 8 bits; None: by their largest number."""

    @property
    def data_dir(self) -> str | os.PathLike[str] | None:
        """Where named data sets are looked for first and fetched to."""


def dataset_names() -> list[str]:
    """The named data sets, sorted."""
    return DATASETS.names()


def data_source(name: str) -> DataSource:
    """The source of a named data set; raises DataError, with the nearest name, for an unknown one."""
    if name not in DATASETS:
        raise DataError(f"unknown data set {name!r}: {remedy(name, DATASETS)}")
    return DATASETS.get(name)(name)


@overload
def load(
    source: str | os.PathLike[str],
    split: None = None,
    *,
    size: tuple[int, int] | None = None,
    grayscale: bool = False,
    data_dir: str | os.PathLike[str] | None = None,
) -> Dataset: ...


@overload
def load(
    source: str | os.PathLike[str],
    split: Literal["train", "test"],
    *,
    size: tuple[int, int] | None = None,
    grayscale: bool = False,
    data_dir: str | os.PathLike[str] | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]: ...


def load(
    source: str | os.PathLike[str],
    split: Literal["train", "test"] | None = None,
    *,
    size: tuple[int, int] | None = None,
    grayscale: bool = False,
    data_dir: str | os.PathLike[str] | None = None,
) -> Dataset | tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """A data set by its name (``fashion-mnist-mini``) or folder, with both splits and the names of its classes.

    With ``split`` ("train" or "test") only that split's images uint8 (N, C, H, W) and labels int64 (N,). ``size``
    (height, width) and ``grayscale`` say how the pictures of a folder are read; ``data_dir`` is where named data sets
    are looked for first and fetched to. Raises DataError.
    """
    if split not in (None, "train", "test"):
        raise DataError(f'split must be "train", "test" or None for both, got {split!r}')
    if not isinstance(source, (str, os.PathLike)):
        raise DataError(f"expected the name of a data set or a folder, got {type(source).__name__}")
    if source in DATASETS:
        if size is not None or grayscale:
            raise DataError(f"size and grayscale are for a folder of pictures; the data set {source} has its own")
        dataset = _named(str(source), data_dir)
    elif (folder := expanded(source)).is_dir():
        dataset = load_folder(folder, size, grayscale)
    else:
        raise DataError(f"no data set and no folder is called {str(source)!r}; {remedy(str(source), DATASETS)}")
    if split is None:
        return dataset
    part = dataset.train if split == "train" else dataset.test
    return part.images, part.labels


def load_dataset(config: DataSettings) -> Dataset:
    """The data set that a config asks for, fetched if it has a name and is not on this machine.

    Raises DataError. Warns where test images are training images too, or images have two labels.
    """
    found = read_dataset(config)
    warn_of_duplicates(found)
    return found


def read_dataset(config: DataSettings) -> Dataset:
    """As ``load_dataset``, without the search for duplicate images."""
    if config.folder is not None:
        remedy = "set data.size to the network's input height and width, as in --set data.size=[H,W]"
        return load_folder(
            expanded(config.folder), config.size, config.grayscale, remedy, config.white_level, moved=MOVED
        )
    if config.name is None:
        raise DataError("no data set is named: set data.name, such as fashion-mnist-mini, or data.folder")
    return _named(config.name, config.data_dir)


def _named(name: str, data_dir: str | os.PathLike[str] | None) -> Dataset:
    data = data_source(name).load(expanded(data_dir) if data_dir is not None else None)
    if not isinstance(data, Dataset):
        raise DataError(f"the data set {name} gives a {type(data).__name__}, expected an nbcnn.data.Dataset")
    return data
