"""Base classes of named data sets: description, search on disk, reading, download.

A data set is one file in ``nbcnn/data/sets`` (or a plugin) with a class that registers itself in ``DATASETS``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from nbcnn.data.dataset import Dataset
from nbcnn.data.fetch import Download, fetch_files
from nbcnn.data.idx_files import (
    NAMES,
    IdxFiles,
    check_data_dir,
    find_files,
    find_in,
    place_to_fetch_to,
    read_splits,
    user_places,
)
from nbcnn.errors import DataError
from nbcnn.util.registry import Registry


class DataSource(ABC):
    """A data set that is found, and perhaps downloaded, by its name; ``data_dir`` is the user's folder for it."""

    title: ClassVar[str]
    description: ClassVar[str]
    licence: ClassVar[str]
    classes: ClassVar[tuple[str, ...]]
    counts: ClassVar[tuple[int, int]]  # training and test images
    embedded: ClassVar[bool] = False  # comes with nbcnn

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def locate(self, data_dir: Path | None = None) -> Path | None:
        """The folder on this machine that has the data set, or None; nothing is read or fetched.

        Raises DataError when ``data_dir`` is given and does not exist.
        """

    @abstractmethod
    def fetch(self, data_dir: Path | None = None) -> Path:
        """Bring the data set to this machine, where it is not yet; returns its folder. Raises DataError.

        A ``data_dir`` that does not exist is made.
        """

    @abstractmethod
    def load(self, data_dir: Path | None = None) -> Dataset:
        """The data set, fetched first if it is not on this machine.

        Raises DataError, also when ``data_dir`` is given and does not exist.
        """


_FACTS = {"title": str, "description": str, "licence": str, "classes": tuple, "counts": tuple}
DATASETS: Registry[type[DataSource]] = Registry("data set", "nbcnn.data.sets", DataError, (DataSource, _FACTS))


def gz_files(*published: tuple[int, str]) -> tuple[Download, ...]:
    """The four IDX files, compressed, as they are published under their usual names: length and SHA-256 of each."""
    return tuple(Download(f"{name}.gz", *known) for name, known in zip(NAMES, published, strict=True))


class IdxSource(DataSource):
    """A data set of four IDX files, verified by SHA-256, with mirrors to download from if there are any."""

    contents: ClassVar[tuple[str, ...]]  # SHA-256 of the four plain files, in the order of idx_files.NAMES
    downloads: ClassVar[tuple[Download, ...]] = ()
    mirrors: ClassVar[tuple[str, ...]] = ()  # HTTPS addresses that end in a slash, tried in turn
    system: ClassVar[tuple[Path, ...]] = ()  # folders where packages of operating systems put it
    torchvision: ClassVar[str] = ""  # the name of its class there, whose downloads are looked for too

    def locate(self, data_dir: Path | None = None) -> Path | None:
        check_data_dir(data_dir)
        files = self._files(data_dir)
        return files.train_images.parent if files else None

    def fetch(self, data_dir: Path | None = None) -> Path:
        if not self.mirrors:
            raise DataError(f"{self.name} cannot be fetched: it has no mirrors")
        here = self._files(data_dir)
        if here and (data_dir is None or here.train_images.is_relative_to(data_dir)) and self._is_right(here):
            return here.train_images.parent
        folder = place_to_fetch_to(data_dir) / self.name
        fetch_files(self.downloads, self.mirrors, folder, self.name)
        return folder

    def load(self, data_dir: Path | None = None) -> Dataset:
        check_data_dir(data_dir)
        files = self._files(data_dir) or find_files(self.fetch(data_dir))
        if files is None:
            raise DataError(f"{self.name} brings no file for one of {', '.join(NAMES)}")
        train, test = read_splits(files, self.contents, self.name)
        return Dataset(self.name, train, test, self.classes, str(files.train_images.parent))

    def _is_right(self, files: IdxFiles) -> bool:
        try:
            read_splits(files, self.contents, self.name)
        except DataError:
            return False
        return True

    def _files(self, data_dir: Path | None) -> IdxFiles | None:
        return find_in([*user_places(data_dir), *self.system], self.name, self.torchvision)


class EmbeddedSource(IdxSource):
    """A data set that ships with nbcnn: it is in ``folder`` and nowhere else."""

    folder: ClassVar[Path]
    embedded = True

    def fetch(self, data_dir: Path | None = None) -> Path:
        return self.folder

    def _files(self, data_dir: Path | None) -> IdxFiles | None:
        return find_files(self.folder)
