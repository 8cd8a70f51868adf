"""Images that are there twice: in training and test, under two labels."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from nbcnn.cli.data import command
from nbcnn.data import Dataset, Split, find_duplicates, load_dataset


def split(levels: list[int], labels: list[int], files: tuple[str, ...] = ()) -> Split:
    """Images of one pixel each."""
    return Split(np.array(levels, np.uint8).reshape(-1, 1, 1, 1), np.array(labels, np.int64), files=files)


def dataset(train: Split, test: Split, validation: Split | None = None) -> Dataset:
    return Dataset("bits", train, test, ("cat", "dog"), "here", validation)


def test_test_images_among_the_training_images_are_counted_and_named() -> None:
    train, test = split([1, 2, 3, 4, 2], [0, 0, 1, 1, 0]), split([9, 2, 3, 8, 4, 2], [0, 0, 1, 1, 1, 0])
    found = find_duplicates(dataset(train, test))
    assert found.shared == {("test", "training"): 4} and found.copies == 5 and found.two_labels == 0
    assert found.sentences == [
        "4 test images are also training images, pixel by pixel the same (test image 1 is training image 1, test image 2 is "
        "training image 2, test image 4 is training image 3, …): an accuracy on images that are known already says "
        "little; keep each in one of the two"
    ]


def test_files_are_named_and_one_is_no_plural() -> None:
    train = split([1, 2], [0, 1], ("train/a.png", "train/b.png"))
    test = split([5, 2], [0, 1], ("test/c.png", "test/d.png"))
    (sentence,) = find_duplicates(dataset(train, test)).sentences
    assert sentence.startswith(
        "1 test image is also a training image, pixel by pixel the same (test/d.png is train/b.png): an "
    )


def test_an_image_with_two_labels_is_told_wherever_it_is() -> None:
    train = split([1, 2, 1, 1], [0, 1, 1, 0], ("cat/1.png", "dog/2.png", "dog/3.png", "cat/4.png"))
    found = find_duplicates(dataset(train, split([7, 2], [1, 0], ("dog/7.png", "cat/8.png"))))
    assert found.two_labels == 2 and found.shared == {("test", "training"): 1} and found.copies == 3
    assert found.sentences[1] == (
        "2 images are there twice, under two labels, and one of them is wrong (cat/1.png as cat and dog/3.png as dog, "
        "dog/2.png as dog and cat/8.png as cat): keep each in one class"
    )


def test_validation_images_too() -> None:
    data = dataset(split([1, 2], [0, 1]), split([3, 4], [0, 1]), split([2, 4, 5], [1, 1, 0]))
    found = find_duplicates(data)
    assert found.shared == {("test", "training"): 0, ("validation", "training"): 1, ("validation", "test"): 1}
    assert [sentence.partition(" (")[0] for sentence in found.sentences] == [
        "1 validation image is also a training image, pixel by pixel the same",
        "1 validation image is also a test image, pixel by pixel the same",
    ]


def test_nothing_is_said_where_all_are_different_or_copies_stay_in_the_training() -> None:
    found = find_duplicates(dataset(split([1, 1, 2], [0, 0, 1]), split([3], [0])))
    assert found.sentences == [] and found.copies == 1


@dataclass
class Settings:
    folder: str
    name: str | None = None
    size: tuple[int, int] | None = None
    grayscale: bool = False
    data_dir: str | None = None
    white_level: int | None = None


def pictures(folder: Path, names: dict[str, int]) -> None:
    for name, level in names.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 4), level, np.uint8)).save(folder / name)


def test_loading_for_training_warns_and_data_info_says_so(tmp_path: Path) -> None:
    """The same pixels in another format are the same image."""
    pictures(
        tmp_path / "set/train", {"cat/1.png": 1, "cat/2.png": 2, "cat/copy.bmp": 1, "dog/3.png": 3, "dog/4.png": 4}
    )
    pictures(tmp_path / "set/test", {"cat/a.bmp": 1, "cat/b.png": 8, "dog/c.png": 9})
    words = (
        r"set: 1 test image is also a training image, pixel by pixel the same \(test/cat/a\.bmp is train/cat/1\.png\)"
    )
    with pytest.warns(RuntimeWarning, match=words):
        load_dataset(Settings(str(tmp_path / "set")))
    shown = " ".join(CliRunner().invoke(command, ["info", str(tmp_path / "set")]).output.split())
    assert "duplicates 2 images are the same as another one before, pixel by pixel" in shown
    assert (
        "warning 1 test image is also a training image, pixel by pixel the same (test/cat/a.bmp is train/cat/1.png)"
        in shown
    )
    (tmp_path / "set/test/cat/a.bmp").unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_dataset(Settings(str(tmp_path / "set")))


def test_data_info_tells_of_validation_images_and_folders_that_are_not_used(tmp_path: Path) -> None:
    for k, part in enumerate(("train", "val", "test")):
        pictures(tmp_path / part, {"cat/1.png": 10 * k, "dog/1.png": 10 * k + 1})
    (tmp_path / "more").mkdir()
    lines = CliRunner().invoke(command, ["info", str(tmp_path)]).output.splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith("images"))
    assert [" ".join(line.split()) for line in lines[start : start + 3]] == [
        "images 2 for training, 2 for validation, 2 for testing",
        "val chooses the best checkpoint; test is only tested on",
        "not used: the folder more",
    ]
    table = {line.split()[0]: line.split()[1:] for line in lines if line}
    assert table["label"] == ["class", "training", "test", "validation"] and table["1"] == ["dog", "1", "1", "1"]
