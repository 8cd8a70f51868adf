"""Folders of images, one per class: their listing and their errors."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from nbcnn.data.classes import composed
from nbcnn.errors import DataError, is_printable

JUNK = {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx"}  # what systems leave behind, in any case of letters
Classes = dict[str, list[Path]]
"""The image files of each class."""


def class_images(root: Path, folder: Path) -> Classes:
    """The image files of every class folder, classes and files in the order of names."""
    stays_inside(root, folder)
    classes: Classes = {}
    for path in visible(folder):
        stays_inside(root, path)
        if not path.is_dir():
            continue  # a README or a licence beside the classes
        if not is_printable(path.name):
            raise DataError(f"{path}: a class is called as its folder is, and that name can't be shown; rename it")
        name = composed(path.name)
        if name in classes:
            raise DataError(
                f"{folder} has two folders for the class {name}, which Unicode writes in two ways ({path.name!a} "
                f"and {classes[name][0].parent.name!a}); put their images into one"
            )
        classes[name] = visible(path)
        for image in classes[name]:
            stays_inside(root, image)
            if image.is_dir():
                raise DataError(f"{image} is a folder within the class {path.name}, which must hold images only")
        if not classes[name]:
            raise DataError(f"{path}: the class has no images; add some, or remove the folder")
    if not classes:
        files = "images, but no class folders" if looks(folder) == "files" else "no class folders"
        raise DataError(f"{folder} holds {files}; looked for a folder of images for each class")
    return dict(sorted(classes.items()))


def looks(folder: Path) -> Literal["folders", "files", "empty"]:
    """The kind of a folder's content; with both, folders."""
    paths = visible(folder)
    return "folders" if any(path.is_dir() for path in paths) else "files" if paths else "empty"


def visible(folder: Path) -> list[Path]:
    """The content of a folder in the order of names, without hidden files and what systems leave behind."""
    try:
        paths = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror}") from error
    return [path for path in paths if not path.name.startswith(".") and path.name.lower() not in JUNK]


def stays_inside(root: Path, path: Path) -> None:
    """Raise DataError for a link that leads out of the root."""
    # realpath and not resolve, which raises RuntimeError for links that go round.
    if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
        raise DataError(f"{path} is a link that leads out of {root}; copy the file or folder there")
