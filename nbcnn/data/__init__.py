"""Images and labels: named data sets, folders of the user, batches."""

from __future__ import annotations

import os
from typing import Protocol

from nbcnn.data.augment import epoch_moves
from nbcnn.data.batches import batches, epoch_order
from nbcnn.data.dataset import Dataset, Split
from nbcnn.data.folder import load_folder
from nbcnn.data.idx import read_idx, write_idx
from nbcnn.data.source import DATASETS, DataSource
from nbcnn.errors import DataError
from nbcnn.plugins import remedy
from nbcnn.userfolders import expanded

__all__ = [
    "DATASETS",
    "DataSource",
    "Dataset",
    "Split",
    "batches",
    "data_source",
    "dataset_names",
    "epoch_moves",
    "epoch_order",
    "load_dataset",
    "load_folder",
    "read_idx",
    "write_idx",
]


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

    Raises DataError.
    """
    if config.folder is not None:
        remedy = "set data.size to the network's input height and width, as in --set data.size=[H,W]"
        return load_folder(expanded(config.folder), config.size, config.grayscale, remedy)
    if config.name is None:
        raise DataError("no data set is named: set data.name, such as fashion-mnist-mini, or data.folder")
    data_dir = expanded(config.data_dir) if config.data_dir is not None else None
    data = data_source(config.name).load(data_dir)
    if not isinstance(data, Dataset):
        raise DataError(f"the data set {config.name} gives a {type(data).__name__}, expected an nbcnn.data.Dataset")
    return data
