"""A folder of the user as a data set: four IDX files, or folders of images, one for each class."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from nbcnn.data.dataset import Dataset, Split
from nbcnn.data.idx_files import NAMES, IdxFiles, find_file, find_files, read_splits
from nbcnn.data.images import read_image, refit
from nbcnn.errors import DataError

FIFTH = 5  # every fifth image of a class is a test image
LOOKED_FOR = (
    f"the four IDX files ({', '.join(NAMES)}, plain or .gz), or folders train and test with a folder of images for "
    "each class, or a folder of images for each class"
)


def load_folder(folder: Path, size: tuple[int, int] | None = None, grayscale: bool = False) -> Dataset:
    """The data set in a folder of the user, named after the folder.

    In this order: the four IDX files (classes "0".."K-1"); ``train`` and
    ``test``, each with a folder of images for each class; a folder of images for each class, of which every fifth
    image (the 5th, 10th, … in the order of names) is a test image. Classes are in the order of names. Names that
    begin with a dot are passed over. Raises DataError naming the file or folder that is wrong.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: {'is not a folder' if folder.exists() else 'no such folder'}")
    if files := find_files(folder):
        return refit(_from_idx(folder, files), size, grayscale)
    there = [name for name in NAMES if find_file(folder, name)]
    if there:
        missing = [name for name in NAMES if name not in there]
        raise DataError(f"{folder}: has {', '.join(there)}, but lacks {', '.join(missing)} (plain or .gz)")
    names = [path.name for path in _visible(folder) if path.is_dir()]
    if not names:
        raise DataError(f"{folder}: holds no data set; looked for {LOOKED_FOR}")
    if "train" not in names and "test" not in names:
        return _one_tree(folder, size, grayscale)
    if "train" not in names or "test" not in names:
        has, lacks = ("train", "test") if "train" in names else ("test", "train")
        raise DataError(f"{folder}: has a folder {has}, but no folder {lacks}; looked for {LOOKED_FOR}")
    return _two_trees(folder, size, grayscale)


def _from_idx(folder: Path, files: IdxFiles) -> Dataset:
    train, test = read_splits(files)
    classes = 1 + max(int(train.labels.max()), int(test.labels.max()))
    return Dataset(folder.resolve().name, train, test, tuple(str(k) for k in range(classes)), str(folder))


def _two_trees(folder: Path, size: tuple[int, int] | None, grayscale: bool) -> Dataset:
    train_classes = _class_images(folder, folder / "train")
    test_classes = _class_images(folder, folder / "test")
    if only := sorted(set(train_classes) ^ set(test_classes)):
        where = "train" if only[0] in train_classes else "test"
        raise DataError(f"{folder}: the class {only[0]} is in {where} only; train and test need the same classes")
    like = next(iter(train_classes.values()))[0]
    train = _read(train_classes.values(), like, size, grayscale)
    test = _read(test_classes.values(), like, size, grayscale)
    return Dataset(folder.resolve().name, train, test, tuple(train_classes), f"{folder} (folders train and test)")


def _one_tree(folder: Path, size: tuple[int, int] | None, grayscale: bool) -> Dataset:
    classes = _class_images(folder, folder)
    for name, paths in classes.items():
        if len(paths) < FIFTH:
            raise DataError(
                f"{folder / name}: the class has {len(paths)} images, but every fifth is a test image, which takes at "
                f"least {FIFTH}; add images or make folders train and test"
            )
    like = next(iter(classes.values()))[0]
    rest = [[path for k, path in enumerate(paths, 1) if k % FIFTH] for paths in classes.values()]
    fifths = [paths[FIFTH - 1 :: FIFTH] for paths in classes.values()]
    train, test = _read(rest, like, size, grayscale), _read(fifths, like, size, grayscale)
    source = f"{folder} (every fifth image of a class is a test image)"
    return Dataset(folder.resolve().name, train, test, tuple(classes), source)


def _class_images(root: Path, folder: Path) -> dict[str, list[Path]]:
    """The image files of every class folder, classes and files in the order of names."""
    _stays_inside(root, folder)
    classes: dict[str, list[Path]] = {}
    for path in _visible(folder):
        _stays_inside(root, path)
        if not path.is_dir():
            continue  # a README or a licence beside the classes
        classes[path.name] = _visible(path)
        for image in classes[path.name]:
            _stays_inside(root, image)
            if image.is_dir():
                raise DataError(f"{image}: is a folder within the class {path.name}, which must hold images only")
        if not classes[path.name]:
            raise DataError(f"{path}: the class has no images")
    if not classes:
        raise DataError(f"{folder}: holds no class folders; looked for a folder of images for each class")
    return classes


def _visible(folder: Path) -> list[Path]:
    try:
        return sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=lambda path: path.name)
    except OSError as problem:
        raise DataError(f"{folder}: cannot be read: {problem.strerror}") from problem


def _stays_inside(root: Path, path: Path) -> None:
    if path.is_symlink() and not path.resolve().is_relative_to(root.resolve()):
        raise DataError(f"{path}: is a link that leads out of {root}; copy the file or folder there")


def _read(classes: Collection[list[Path]], like: Path, size: tuple[int, int] | None, grayscale: bool) -> Split:
    """The images of all classes, which must have the size of the image ``like``."""
    paths = [path for images in classes for path in images]
    labels = np.repeat(np.arange(len(classes), dtype=np.int64), [len(images) for images in classes])
    shape = read_image(like, size, grayscale).shape
    images = np.empty((len(paths), *shape), dtype=np.uint8)
    for n, path in enumerate(paths):
        image = read_image(path, size, grayscale)
        if image.shape != shape:
            raise DataError(
                f"{path}: is {image.shape[1]} x {image.shape[2]} (height x width), but {like} is "
                f"{shape[1]} x {shape[2]}; set data.size, such as size: [28, 28], to make them alike"
            )
        images[n] = image
    return Split(images, labels)
