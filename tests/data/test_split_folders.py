"""Folders of a data set by the names in use: training, validation, test, one folder too deep, torchvision's raw."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nbcnn.data import data_source, load_folder, write_idx
from nbcnn.errors import DataError


def classes(folder: Path, *names: str, count: int = 5) -> None:
    """Class folders of grey images, no two alike within one folder."""
    for c, name in enumerate(names):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for k in range(count):
            level = np.full((4, 6), 7 * (len(folder.name) % 9) + 20 * k + c, np.uint8)
            Image.fromarray(level).save(folder / name / f"{k}.png")


def idx(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for prefix, count in (("train", 6), ("t10k", 4)):
        pixels = np.arange(count * 4, dtype=np.uint8).reshape(count, 2, 2) + 100 * (prefix == "train")
        write_idx(folder / f"{prefix}-images-idx3-ubyte", pixels.astype(np.uint8))
        write_idx(folder / f"{prefix}-labels-idx1-ubyte", (np.arange(count) % 2).astype(np.uint8))
    return folder


@pytest.mark.parametrize(
    "names",
    [
        ("train", "val"),
        ("train", "valid"),
        ("Train", "Test"),
        ("Training", "Testing"),
        ("TRAIN", "VALIDATION"),
        ("seg_train", "seg_test"),
        ("train2017", "val2017"),
        ("training_set", "test-set"),
    ],
)
def test_two_parts_by_any_of_the_names_in_use(tmp_path: Path, names: tuple[str, str]) -> None:
    for name in names:
        classes(tmp_path / name, "cat", "dog", count=2)
    dataset = load_folder(tmp_path)
    assert dataset.classes == ("cat", "dog") and dataset.validation is None
    assert dataset.train.files == tuple(f"{names[0]}/{c}/{k}.png" for c in ("cat", "dog") for k in range(2))
    assert dataset.test.files == tuple(f"{names[1]}/{c}/{k}.png" for c in ("cat", "dog") for k in range(2))
    assert dataset.source == f"{tmp_path} (folders {names[0]} and {names[1]})"
    told = f"there is no folder test, so {names[1]} is taken for the test images"
    assert dataset.notes == (() if "t" in names[1][-4:].lower() and "val" not in names[1].lower() else (told,))


@pytest.mark.parametrize(
    "names", [("train", "val", "test"), ("Training", "Validation", "Testing"), ("train", "dev", "test")]
)
def test_three_parts_and_what_is_none_of_them(tmp_path: Path, names: tuple[str, str, str]) -> None:
    for k, name in enumerate(names):
        classes(tmp_path / name, "cat", "dog", count=k + 1)
    (tmp_path / "annotations").mkdir()
    dataset = load_folder(tmp_path)
    assert dataset.validation is not None
    assert [len(split) for split in (dataset.train, dataset.validation, dataset.test)] == [2, 4, 6]
    assert dataset.validation.files[0] == f"{names[1]}/cat/0.png" and dataset.validation.labels.tolist() == [0, 0, 1, 1]
    assert dataset.notes == (
        f"{names[1]} chooses the best checkpoint; {names[2]} is only tested on",
        "not used: the folder annotations",
    )
    assert dataset.in_words == "2 training, 4 validation and 6 test images"
    only = load_folder(tmp_path)
    (tmp_path / names[1] / "cat" / "0.png").write_bytes((tmp_path / names[0] / "dog" / "0.png").read_bytes())
    assert load_folder(tmp_path).digest != only.digest  # the validation decides which checkpoint is the best


def test_one_folder_too_deep_after_unpacking(tmp_path: Path) -> None:
    classes(tmp_path / "a" / "pets" / "pets", "cat", "dog")
    (tmp_path / "a" / "README.txt").write_text("hello")
    (tmp_path / "a" / "pets" / ".DS_Store").write_text("rubbish")
    dataset = load_folder(tmp_path / "a")
    assert dataset.classes == ("cat", "dog") and dataset.name == "a"
    assert dataset.source.startswith(f"{tmp_path / 'a' / 'pets' / 'pets'} (one in five")
    for part in ("seg_train", "seg_test"):
        classes(tmp_path / "b" / part / part, "cat", "dog")
    assert load_folder(tmp_path / "b").test.files[0] == "seg_test/seg_test/cat/0.png"


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    classes(tmp_path / "a", "bus", "train", "car")
    assert load_folder(tmp_path / "a").classes == ("bus", "car", "train")
    classes(tmp_path / "b", "test_tube", "train_station", "valid")
    assert load_folder(tmp_path / "b").classes == ("test_tube", "train_station", "valid")
    classes(tmp_path / "c", "train", "test")
    with pytest.raises(DataError, match="train holds images, but no class folders; looked for a folder of images for"):
        load_folder(tmp_path / "c")


def test_parts_that_are_missing_or_there_twice(tmp_path: Path) -> None:
    classes(tmp_path / "a" / "Training", "cat")
    with pytest.raises(
        DataError, match=r"has a folder Training, but no folder test or val \(to divide Training itself, g"
    ):
        load_folder(tmp_path / "a")
    classes(tmp_path / "a" / "valid", "cat")
    classes(tmp_path / "a" / "val", "cat")
    with pytest.raises(DataError, match="a: the folders val and valid are both called validation; rename or move all"):
        load_folder(tmp_path / "a")
    classes(tmp_path / "b" / "val", "cat")
    classes(tmp_path / "b" / "test", "cat")
    with pytest.raises(DataError, match="b has a folder val, but no folder train; looked for"):
        load_folder(tmp_path / "b")


def test_classes_are_the_same_though_accents_are_written_in_two_ways(tmp_path: Path) -> None:
    apart, one = (unicodedata.normalize(form, "Café") for form in ("NFD", "NFC"))
    assert apart != one
    classes(tmp_path / "a" / "train", apart, "Tee")
    classes(tmp_path / "a" / "test", one, "Tee")
    dataset = load_folder(tmp_path / "a")
    assert dataset.classes == (one, "Tee") and dataset.test.labels.tolist() == [0] * 5 + [1] * 5
    classes(tmp_path / "b", apart, one)
    with pytest.raises(
        DataError, match=r"b has two folders for the class Café, which Unicode writes in two ways \('Caf"
    ):
        load_folder(tmp_path / "b")


@pytest.mark.parametrize(
    ("here", "there", "shown"), [("Cat", "cat", "Cat"), ("cat ", "cat", "'cat '"), ("a_b", "a b", "a_b")]
)
def test_names_that_are_nearly_alike(tmp_path: Path, here: str, there: str, shown: str) -> None:
    classes(tmp_path / "a" / "train", here, "dog")
    classes(tmp_path / "a" / "test", there, "dog")
    words = f"a: the class {shown} of train is called {there} in test; give both folders the same name"
    with pytest.raises(DataError, match=words):
        load_folder(tmp_path / "a")
    classes(tmp_path / "b", here, there)
    with pytest.warns(RuntimeWarning, match="b: the classes .* differ in capital letters, spaces or hyphens alone"):
        load_folder(tmp_path / "b")


def test_numbers_are_sorted_as_text_as_torchvision_has_them(tmp_path: Path) -> None:
    classes(tmp_path, *(str(k) for k in range(11)))
    assert load_folder(tmp_path).classes == ("0", "1", "10", "2", "3", "4", "5", "6", "7", "8", "9")


def test_torchvisions_folders_of_idx_files(tmp_path: Path) -> None:
    raw = idx(tmp_path / "root" / "FashionMNIST" / "raw")
    for folder in (raw, raw.parent, raw.parent.parent):
        dataset = load_folder(folder)
        assert (
            dataset.source == str(raw) and dataset.numbered and len(dataset.train) == 6 and dataset.name == folder.name
        )
    idx(tmp_path / "root" / "MNIST" / "raw")
    with pytest.raises(
        DataError, match=r"root has the IDX files of several data sets; give the folder of one: .*raw, .*raw"
    ):
        load_folder(tmp_path / "root")
    (raw / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"FashionMNIST/raw has train-images-.*, but lacks t10k-labels-idx1-ubyte \("):
        load_folder(raw.parent)


@pytest.mark.parametrize("given", [".", "FashionMNIST"])
def test_torchvisions_root_is_a_data_dir(tmp_path: Path, given: str) -> None:
    raw = idx(tmp_path / "FashionMNIST" / "raw")
    assert data_source("fashion-mnist").locate(tmp_path / given) == raw.parent.parent / given / Path(
        "FashionMNIST/raw" if given == "." else "raw"
    )


def test_idx_files_of_other_names_are_told(tmp_path: Path) -> None:
    for name in ("images", "labels"):
        (tmp_path / f"emnist-letters-train-{name}-idx3-ubyte").touch()
    words = "its IDX files have other names, emnist-letters-train-images-idx3-ubyte, .*; call them train-images-idx3-ubyte, "
    with pytest.raises(DataError, match=words):
        load_folder(tmp_path)
    (tmp_path / "above").mkdir()
    tmp_path.rename(tmp_path.parent / "raw")
    (tmp_path).mkdir()
    (tmp_path.parent / "raw").rename(tmp_path / "raw")
    with pytest.raises(DataError, match=f"raw: {words}"):
        load_folder(tmp_path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mnist.npz", "save its images as PNG files, or its arrays with nbcnn.data.write_idx in Python"),
        ("train.csv", "save its images as PNG files, or its arrays with nbcnn.data.write_idx in Python"),
        ("data.parquet", "save its images as PNG files, or its arrays with nbcnn.data.write_idx in Python"),
        ("set.zip", "unpack it and give the folder that comes out"),
        ("set.tar.GZ", "unpack it and give the folder that comes out"),
        ("train-images-idx3-ubyte.gz", "give the one that holds it, "),
        ("cat.PNG", "put the images of each class into a folder of its own, and give the folder above these"),
    ],
)
def test_a_file_in_the_place_of_a_folder(tmp_path: Path, name: str, words: str) -> None:
    from nbcnn.config import Overrides, load_config
    from nbcnn.errors import ConfigError

    (tmp_path / name).touch()
    sentence = rf"{name} is a file, not a folder; expected a folder with a folder of images for each class, .*; {words}"
    with pytest.raises(DataError, match=sentence):
        load_folder(tmp_path / name)
    with pytest.raises(ConfigError, match=sentence):
        load_config("lenet", Overrides(data=str(tmp_path / name)))


@pytest.mark.parametrize("place", ["raw", "MNIST", "MNIST/raw"])
def test_idx_files_behind_a_link_that_leads_out_are_refused(tmp_path: Path, place: str) -> None:
    idx(tmp_path / "outside" / "raw")
    link = tmp_path / "root" / place
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "outside" / ("raw" if place.endswith("raw") else ""))
    with pytest.raises(DataError, match=f"{place} is a link that leads out of .*root; copy the file or folder there"):
        load_folder(tmp_path / "root")


def test_a_link_that_goes_round_ends(tmp_path: Path) -> None:
    (tmp_path / "round").symlink_to(tmp_path)
    with pytest.raises(DataError, match=r"is a folder within the class round, which must hold images only"):
        load_folder(tmp_path)
    (tmp_path / "round").unlink()
    (tmp_path / "round").symlink_to(tmp_path / "round")
    with pytest.raises(DataError):
        load_folder(tmp_path)


def test_the_one_folder_within_may_not_lead_out(tmp_path: Path) -> None:
    classes(tmp_path / "outside", "cat", "dog")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "pets").symlink_to(tmp_path / "outside")
    with pytest.raises(DataError, match=r"pets is a link that leads out of .*root; copy the file or folder there"):
        load_folder(tmp_path / "root")
