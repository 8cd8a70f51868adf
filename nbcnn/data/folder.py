"""A data set from a user's folder: four IDX files, or a folder of images for each class."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from itertools import compress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nbcnn.data.class_folders import Classes, class_images, stays_inside, visible
from nbcnn.data.classes import alike, listed
from nbcnn.data.dataset import Dataset, Split
from nbcnn.data.file_kinds import not_a_folder
from nbcnn.data.idx_files import NAMES, IdxFiles, find_below, find_file, find_files, read_splits
from nbcnn.data.images import read_images, refit, refuse_strays
from nbcnn.data.split_folders import Parts, find_parts, inner
from nbcnn.data.train_test_split import FIFTH, HOW, held_out
from nbcnn.errors import DataError, printable
from nbcnn.util.formatting import counted

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
    moved: str = "",
) -> Dataset:
    """The data set in a folder of the user, named after the folder.

    In this order: the four IDX files (classes "0".."K-1"), also in a folder within, as torchvision's ``MNIST/raw``;
    ``train`` and ``test`` and perhaps ``val``, each with a folder of images for each class (split_folders.py has the
    names that are taken for these); a folder of images for each class, of which one in five images is a test image
    (train_test_split.py). Classes are in the order of names, which is that of text: "10" before "2". Names that begin
    with a dot, and what systems leave behind (Thumbs.db), are passed over. Images are made as ``nbcnn predict`` makes a
    picture (see nbcnn.data.picture); ``white_level`` is what becomes white in those of more than 8 bits, and None for
    what the largest of their numbers says.

    Raises DataError naming the file or folder that is wrong; ``remedy`` says what to do about images of several sizes,
    ``moved`` about a folder that is not there. Warns when all training images are the same, and of classes whose names
    differ in capitals alone.
    """
    if not folder.is_dir():
        raise DataError(not_a_folder(folder) + moved * (not folder.exists()))
    dataset = _load(folder, size, grayscale, remedy, white_level)
    images = dataset.train.images
    if len(images) > 1 and all(np.array_equal(image, images[0]) for image in images):
        level = f", every pixel {images[0].flat[0]}" if np.ptp(images[0]) == 0 else ""
        sentence = f"{folder}: all {len(images):,} training images are the same{level}; no network can learn from them"
        warnings.warn(printable(sentence), RuntimeWarning, stacklevel=2)
    return dataset


def _load(folder: Path, size: tuple[int, int] | None, grayscale: bool, remedy: str, white_level: int | None) -> Dataset:
    names = visible(folder)
    if place := find_below(folder):
        for path in (place.parent, place):
            if path != folder and path.is_relative_to(folder):
                stays_inside(folder, path)
        idx = find_files(place)
        if idx is None:
            there = [name for name in NAMES if find_file(place, name)]
            missing = [name for name in NAMES if name not in there]
            raise DataError(f"{place} has {', '.join(there)}, but lacks {', '.join(missing)} (plain or .gz)")
        return refit(_from_idx(folder, idx), size, grayscale)
    raw = folder / "raw"
    for here, paths in ((folder, names), (raw, visible(raw) if raw.is_dir() else [])):
        if odd := [path.name for path in paths if "-ubyte" in path.name]:
            raise DataError(f"{here}: its IDX files have other names, {listed(odd)}; call them {', '.join(NAMES)}")
    if not any(path.is_dir() for path in names):
        told = f", but {counted(len(names), 'file')} in no class folder, such as {names[0].name}" if names else ""
        raise DataError(f"{folder} holds no data set{told}; looked for {LOOKED_FOR}")
    root = inner(folder, folder)
    parts = find_parts(root, LOOKED_FOR)
    train, test, validation = (*_fifths(folder, root), None) if parts is None else _trees(folder, parts)
    _warn_of_alike(folder, list(train))
    divided = [train, test, *([validation] if validation is not None else [])]
    files = [[path for images in classes.values() for path in images] for classes in divided]
    images = read_images([path for part in files for path in part], size, grayscale, remedy, white_level)
    pixels = np.split(images.pixels, np.cumsum([len(part) for part in files])[:-1])
    splits = [_split(folder, *part) for part in zip(pixels, divided, files, strict=True)]
    return Dataset(
        _name(folder),
        splits[0],
        splits[1],
        tuple(train),
        printable(f"{root} ({parts.how if parts else HOW})"),
        pictures=True,
        done=images.done,
        white_level=images.white_level,
        validation=splits[2] if validation is not None else None,
        notes=tuple(printable(note) for note in parts.notes) if parts else (),
    )


def _split(folder: Path, pixels: NDArray[np.uint8], classes: Classes, paths: Sequence[Path]) -> Split:
    labels = np.repeat(np.arange(len(classes), dtype=np.int64), [len(images) for images in classes.values()])
    return Split(pixels, labels, files=tuple(printable(str(path.relative_to(folder))) for path in paths))


def _name(folder: Path) -> str:
    """The data set's: it goes to terminals, into pictures and run folders."""
    return printable(Path(os.path.realpath(folder)).name)


def _from_idx(folder: Path, files: IdxFiles) -> Dataset:
    train, test = read_splits(files)
    classes = 1 + max(int(train.labels.max()), int(test.labels.max()))
    source = printable(str(files.train_images.parent))
    return Dataset(_name(folder), train, test, tuple(str(k) for k in range(classes)), source, numbered=True)


def _trees(folder: Path, parts: Parts) -> tuple[Classes, Classes, Classes | None]:
    used = [part for part in (parts.train, parts.test, parts.validation) if part]
    trees = [class_images(folder, inner(folder, part, whatever=True)) for part in used]
    for part, tree in zip(used[1:], trees[1:], strict=True):
        names = parts.train.name, part.name
        for one, other, (here, there) in ((trees[0], tree, names), (tree, trees[0], names[::-1])):
            for name in one:
                if name not in other:
                    raise DataError(f"{folder}: {_only(name, list(other), here, there)}")
    refuse_strays(folder, [path for tree in trees for images in tree.values() for path in images])
    return trees[0], trees[1], trees[2] if len(trees) > 2 else None


def _only(name: str, others: list[str], here: str, there: str) -> str:
    """The sentence for a class that only one of two parts has."""
    like = [other for other in others if alike(other) == alike(name)]
    if like:
        return (
            f"the class {listed([name])} of {here} is called {listed(like)} in {there}; give both folders the same name"
        )
    return f"the class {listed([name])} is in {here} only; {here} and {there} need the same classes"


def _fifths(folder: Path, root: Path) -> tuple[Classes, Classes]:
    classes = class_images(folder, root)
    refuse_strays(folder, [path for images in classes.values() for path in images])
    train: Classes = {}
    test: Classes = {}
    for name, paths in classes.items():
        if len(paths) < FIFTH:
            raise DataError(
                f"{paths[0].parent}: the class has {counted(len(paths), 'image')}, but one in five is a test image, "
                f"which takes at least {FIFTH}; add images or make folders train and test"
            )
        held = held_out(paths)
        train[name] = list(compress(paths, [not one for one in held]))
        test[name] = list(compress(paths, held))
    return train, test


def _warn_of_alike(folder: Path, names: list[str]) -> None:
    """Say so where two classes differ in capital letters or spaces alone: most likely they are one."""
    first: dict[str, str] = {}
    for name in names:
        other = first.setdefault(alike(name), name)
        if other is not name:
            sentence = (
                f"{folder}: the classes {listed([other, name])} differ in capital letters, spaces or hyphens alone; if "
                "they are one, put their images into one folder"
            )
            warnings.warn(printable(sentence), RuntimeWarning, stacklevel=4)
