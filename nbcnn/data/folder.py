"""A folder of the user as a data set: four IDX files, or folders of images, one for each class."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nbcnn.data.dataset import Dataset, Split, counted
from nbcnn.data.idx_files import NAMES, IdxFiles, find_file, find_files, read_splits
from nbcnn.data.images import read_images, refit, refuse_strays
from nbcnn.errors import DataError, is_printable, printable

FIFTH = 5  # every fifth image of a class is a test image
JUNK = {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx"}  # what systems leave behind, in any case of letters
Classes = dict[str, list[Path]]
"""The image files of each class."""

LOOKED_FOR = (
    f"the four IDX files ({', '.join(NAMES)}, plain or .gz), or folders train and test with a folder of images for "
    "each class, or a folder of images for each class"
)


def load_folder(
    folder: Path,
    size: tuple[int, int] | None = None,
    grayscale: bool = False,
    remedy: str = "give a size, as in size=(H, W)",
    white_level: int | None = None,
) -> Dataset:
    """The data set in a folder of the user, named after the folder.

    In this order: the four IDX files (classes "0".."K-1"); ``train`` and
    ``test``, each with a folder of images for each class; a folder of images for each class, of which every fifth
    image (the 5th, 10th, … in the order of names) is a test image. Classes are in the order of names. Names that
    begin with a dot, and what systems leave behind (Thumbs.db), are passed over. Images are made as ``nbcnn predict``
    makes a picture (see nbcnn.picture); ``white_level`` is what becomes white in those of more than 8 bits, and None
    for what the largest of their numbers says.

    Raises DataError naming the file or folder that is wrong; ``remedy`` says what to do about images of several sizes.
    Warns when all training images are the same.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder" if folder.exists() else f"{folder}: no such folder")
    dataset = _load(folder, size, grayscale, remedy, white_level)
    images = dataset.train.images
    if len(images) > 1 and all(np.array_equal(image, images[0]) for image in images):
        level = f", every pixel {images[0].flat[0]}" if np.ptp(images[0]) == 0 else ""
        sentence = f"{folder}: all {len(images):,} training images are the same{level}; no network can learn from them"
        warnings.warn(printable(sentence), RuntimeWarning, stacklevel=2)
    return dataset


def _load(folder: Path, size: tuple[int, int] | None, grayscale: bool, remedy: str, white_level: int | None) -> Dataset:
    if files := find_files(folder):
        return refit(_from_idx(folder, files), size, grayscale)
    there = [name for name in NAMES if find_file(folder, name)]
    if there:
        missing = [name for name in NAMES if name not in there]
        raise DataError(f"{folder} has {', '.join(there)}, but lacks {', '.join(missing)} (plain or .gz)")
    names = [path.name for path in _visible(folder) if path.is_dir()]
    if not names:
        raise DataError(f"{folder} holds no data set; looked for {LOOKED_FOR}")
    if "train" not in names and "test" not in names:
        train, test, how = *_fifths(folder), "every fifth image of a class is a test image"
    elif "train" not in names or "test" not in names:
        has, lacks = ("train", "test") if "train" in names else ("test", "train")
        raise DataError(f"{folder} has a folder {has}, but no folder {lacks}; looked for {LOOKED_FOR}")
    else:
        train, test, how = *_two_trees(folder), "folders train and test"
    paths = [path for classes in (train, test) for images in classes.values() for path in images]
    images = read_images(paths, size, grayscale, remedy, white_level)
    first, rest = np.split(images.pixels, [sum(map(len, train.values()))])
    source = printable(f"{folder} ({how})")
    splits = Split(first, _labels(train)), Split(rest, _labels(test))
    return Dataset(_name(folder), *splits, tuple(train), source, True, images.done, images.white_level)


def _labels(classes: Classes) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(classes), dtype=np.int64), [len(images) for images in classes.values()])


def _name(folder: Path) -> str:
    """The data set's: it goes to terminals, into pictures and run folders."""
    return printable(Path(os.path.realpath(folder)).name)


def _from_idx(folder: Path, files: IdxFiles) -> Dataset:
    train, test = read_splits(files)
    classes = 1 + max(int(train.labels.max()), int(test.labels.max()))
    return Dataset(_name(folder), train, test, tuple(str(k) for k in range(classes)), printable(str(folder)))


def _two_trees(folder: Path) -> tuple[Classes, Classes]:
    train, test = _class_images(folder, folder / "train"), _class_images(folder, folder / "test")
    if only := sorted(set(train) ^ set(test)):
        where = "train" if only[0] in train else "test"
        raise DataError(f"{folder}: the class {only[0]} is in {where} only; train and test need the same classes")
    _refuse_strays(folder, train, test)
    return train, test


def _fifths(folder: Path) -> tuple[Classes, Classes]:
    classes = _class_images(folder, folder)
    _refuse_strays(folder, classes)
    for name, paths in classes.items():
        if len(paths) < FIFTH:
            raise DataError(
                f"{folder / name}: the class has {counted(len(paths), 'image')}, but every fifth is a test image, "
                f"which takes at least {FIFTH}; add images or make folders train and test"
            )
    train = {name: [path for k, path in enumerate(paths, 1) if k % FIFTH] for name, paths in classes.items()}
    return train, {name: paths[FIFTH - 1 :: FIFTH] for name, paths in classes.items()}


def _refuse_strays(folder: Path, *splits: Classes) -> None:
    refuse_strays(folder, [path for classes in splits for images in classes.values() for path in images])


def _class_images(root: Path, folder: Path) -> Classes:
    """The image files of every class folder, classes and files in the order of names."""
    _stays_inside(root, folder)
    classes: Classes = {}
    for path in _visible(folder):
        _stays_inside(root, path)
        if not path.is_dir():
            continue  # a README or a licence beside the classes
        if not is_printable(path.name):
            raise DataError(f"{path}: a class is called as its folder is, and that name can't be shown; rename it")
        classes[path.name] = _visible(path)
        for image in classes[path.name]:
            _stays_inside(root, image)
            if image.is_dir():
                raise DataError(f"{image} is a folder within the class {path.name}, which must hold images only")
        if not classes[path.name]:
            raise DataError(f"{path}: the class has no images")
    if not classes:
        raise DataError(f"{folder} holds no class folders; looked for a folder of images for each class")
    return classes


def _visible(folder: Path) -> list[Path]:
    try:
        paths = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as problem:
        raise DataError(f"{folder} cannot be read: {problem.strerror}") from problem
    return [path for path in paths if not path.name.startswith(".") and path.name.lower() not in JUNK]


def _stays_inside(root: Path, path: Path) -> None:
    # realpath and not resolve, which raises RuntimeError for links that go round.
    if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
        raise DataError(f"{path} is a link that leads out of {root}; copy the file or folder there")
