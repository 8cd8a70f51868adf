"""Images and labels: named data sets, folders of the user, batches."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from nbcnn.data.augment import epoch_moves
from nbcnn.data.batches import batches, epoch_order
from nbcnn.data.dataset import Dataset, Split
from nbcnn.data.duplicates import Duplicates, find_duplicates, warn_of_duplicates
from nbcnn.data.folder import load_folder
from nbcnn.data.idx import read_idx, write_idx
from nbcnn.data.source import DATASETS, DataSource
from nbcnn.errors import DataError
from nbcnn.plugins import remedy

__all__ = [
    "DATASETS",
    "DataSource",
    "Dataset",
    "Duplicates",
    "Split",
    "batches",
    "data_source",
    "dataset_names",
    "epoch_moves",
    "epoch_order",
    "find_duplicates",
    "load_dataset",
    "load_folder",
    "read_dataset",
    "read_idx",
    "write_idx",
]


MOVED = "; if it was moved or is called otherwise now, say where it is: --data FOLDER (in Python data=...)"


class DataSettings(Protocol):
    """What is asked of the ``data`` part of a config."""

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
    def data_dir(self) -> str | os.PathLike[str] | None:
        """Where named data sets are looked for first and fetched to."""


def dataset_names() -> list[str]:
    """The named data sets, sorted."""
    return DATASETS.names()


def data_source(name: str) -> DataSource:
    """What is known about a named data set; raises DataError, with the nearest name, for an unknown one."""
    if name not in DATASETS:
        raise DataError(f"unknown data set {name!r}: {remedy(name, DATASETS)}")
    return DATASETS.get(name)(name)


def load_dataset(config: DataSettings) -> Dataset:
    """The data set that a config asks for, fetched if it has a name and is not on this machine.

    Raises DataError. Warns where test images are training images too, or images have two labels.
    """
    found = read_dataset(config)
    warn_of_duplicates(found)
    return found


def read_dataset(config: DataSettings) -> Dataset:
    """As ``load_dataset``, without a look for images that are there twice."""
    if config.folder is not None:
        remedy = "set data.size to the network's input height and width, as in --set data.size=[H,W]"
        return load_folder(Path(config.folder).expanduser(), config.size, config.grayscale, remedy, MOVED)
    if config.name is None:
        raise DataError("no data set is named: set data.name, such as fashion-mnist-mini, or data.folder")
    data_dir = Path(config.data_dir).expanduser() if config.data_dir is not None else None
    return data_source(config.name).load(data_dir)
