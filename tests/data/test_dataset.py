"""Data sets in memory, the named ones, and where they are looked for."""

from __future__ import annotations

import gzip
import hashlib
import re
import struct
import subprocess
import sys
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import pytest
from PIL import Image

from nbcnn.data import Dataset, Split, data_source, dataset_names, load, load_dataset
from nbcnn.data.embedded.make_fashion_mnist_mini import make
from nbcnn.data.idx_files import find_file, user_places
from nbcnn.data.source import DATASETS, EmbeddedSource, IdxSource
from nbcnn.errors import DataError

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@dataclass
class Settings:
    name: str | None = None
    folder: str | None = None
    size: tuple[int, int] | None = None
    grayscale: bool = False
    data_dir: str | None = None
    white_level: int | None = None


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without data sets."""
    monkeypatch.delenv("NBCNN_DATA_DIR", raising=False)
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name, **_: tmp_path / "cache" / name)
    return tmp_path / "cache" / "nbcnn" / "data"


def idx(*sizes: int, values: bytes) -> bytes:
    return struct.pack(f">BBBB{len(sizes)}I", 0, 0, 8, len(sizes), *sizes) + values


CONTENTS = (
    idx(3, 2, 2, values=bytes(range(12))),
    idx(3, values=b"\0\1\1"),
    idx(2, 2, 2, values=bytes(range(100, 108))),
    idx(2, values=b"\1\0"),
)


class Tiny(IdxSource):
    title, description, licence = "Tiny", "five images", "none"
    classes = ("cat", "dog")
    counts = (3, 2)
    contents = tuple(hashlib.sha256(content).hexdigest() for content in CONTENTS)


def put(folder: Path, contents: tuple[bytes, ...] = CONTENTS, names: tuple[str, ...] = NAMES) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in zip(names, contents, strict=True):
        (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return folder


def images(*shape: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.zeros(shape, np.uint8)


def labels(*values: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array(values, np.int64)


@pytest.mark.parametrize(
    ("pictures", "answers", "sentence"),
    [
        (images(3, 1, 2, 2), labels(0, 1), r"^a\.idx holds 3 images, but b\.idx holds 2 labels$"),
        (
            images(3, 2, 2),
            labels(0, 1, 0),
            r"a\.idx: expected C-contiguous uint8 images \(N, C, H, W\), got uint8 \(3, 2, 2\)",
        ),
        (images(3, 1, 2, 2).astype(float), labels(0, 1, 0), r"a\.idx: expected C-contiguous .* got float64"),
        (images(2, 2, 1, 3).T, labels(0, 1, 0), r"a\.idx: expected C-contiguous .* got uint8 \(3, 1, 2, 2\)"),
        (images(0, 1, 2, 2), labels(), r"a\.idx holds no images, its shape is \(0, 1, 2, 2\)"),
        (
            images(3, 1, 2, 2),
            labels(0, 1, 0).astype(np.int32),
            r"b\.idx: expected int64 labels \(N,\), got int32 \(3,\)",
        ),
        (images(3, 1, 2, 2), labels(0, 1, 0)[None], r"b\.idx: expected int64 labels \(N,\), got int64 \(1, 3\)"),
        (
            images(3, 1, 2, 2),
            labels(0, 1, 0).astype(">i8"),
            r"got >i8 \(3,\); convert them: labels\.astype\('int64'\)$",
        ),
        (images(3, 1, 2, 2), labels(0, 1, 0).astype(float), r"expected int64 labels \(N,\), got float64 \(3,\)$"),
        (images(3, 1, 2, 2), [0, 1, 0], r"^b\.idx: expected int64 labels \(N,\) as a NumPy array, got list$"),
        (images(3, 1, 2, 2), np.ma.masked_less(labels(0, 1, 0), 1), r"as a NumPy array, got MaskedArray$"),
        (images(3, 1, 2, 2).tolist(), labels(0, 1, 0), r"^a\.idx: expected C-contiguous uint8 .* array, got list$"),
        (images(3, 1, 2, 2)[::-1], labels(0, 1, 0), r"got uint8 \(3, 1, 2, 2\); use np\.ascontiguousarray\(images\)$"),
    ],
)
def test_a_split_refuses_what_does_not_fit(pictures: Any, answers: Any, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        Split(pictures, answers, ("a.idx", "b.idx"))


@pytest.mark.parametrize("way", ["strided", "read-only", "memory not aligned", "of a file"])
def test_a_split_has_plain_arrays_whatever_it_was_given(tmp_path: Path, way: str) -> None:
    random = np.random.default_rng(0)
    pixels, answers = random.integers(0, 256, (6, 2, 3, 4), dtype=np.uint8), random.integers(0, 3, 6)
    given: tuple[Any, Any] = (pixels, np.repeat(answers, 2)[::2])
    if way == "read-only":
        given = (
            np.frombuffer(pixels.tobytes(), np.uint8).reshape(6, 2, 3, 4),
            np.frombuffer(answers.tobytes(), np.int64),
        )
    elif way == "memory not aligned":
        given = (pixels, np.frombuffer(b"x" + answers.tobytes(), np.uint8)[1:].view(np.int64))
    elif way == "of a file":
        np.save(tmp_path / "x.npy", pixels)
        given = (np.load(tmp_path / "x.npy", mmap_mode="r"), answers)
    split = Split(*given)
    for found, wanted in ((split.images, pixels), (split.labels, answers)):
        assert type(found) is np.ndarray and np.array_equal(found, wanted)
        assert found.flags.c_contiguous and found.flags.writeable and found.flags.aligned
    assert (
        Dataset("x", split, split, ("a", "b", "c"), "there").digest
        == Dataset("x", *[Split(pixels, answers)] * 2, ("a", "b", "c"), "there").digest
    )


def test_a_data_set_is_made_of_splits_and_names() -> None:
    good = Split(images(2, 1, 4, 4), labels(0, 1))
    for classes in ((), "ab", None, (0, 1)):
        with pytest.raises(DataError, match=r"^x: classes must be a tuple of names, got "):
            Dataset("x", good, good, classes, "there")  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"^x: test must be a Split of images and labels, got tuple$"):
        Dataset("x", good, (1, 2), ("a", "b"), "there")  # type: ignore[arg-type]
    assert Dataset("x", good, good, ["a", "b"], "there").classes == ("a", "b")  # type: ignore[arg-type]


def test_a_data_set_that_gives_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DATASETS.get("fashion-mnist-mini"), "load", lambda self, data_dir: None)
    with pytest.raises(
        DataError, match=r"^the data set fashion-mnist-mini gives a NoneType, expected an nbcnn\.data\.Dataset$"
    ):
        load_dataset(Settings(name="fashion-mnist-mini"))


def test_a_data_set_refuses_labels_outside_the_classes() -> None:
    good = Split(images(2, 1, 4, 4), labels(0, 1))
    with pytest.raises(
        DataError, match=r"^x \(there\): test image 1 has the label 2, outside of 0\.\.1 for 2 classes$"
    ):
        Dataset("x", good, Split(images(2, 1, 4, 4), labels(0, 2)), ("a", "b"), "there")
    with pytest.raises(DataError, match=r"training image 0 has the label -1, outside of 0\.\.1"):
        Dataset("x", Split(images(1, 1, 4, 4), labels(-1)), good, ("a", "b"), "there")


def test_a_data_set_refuses_splits_of_different_shapes() -> None:
    train, test = Split(images(1, 1, 4, 5), labels(0)), Split(images(1, 3, 4, 5), labels(0))
    with pytest.raises(
        DataError, match=r"training images are 1 x 4 x 5, test images are 3 x 4 x 5 \(channels x height"
    ):
        Dataset("x", train, test, ("a",), "there")
    assert Dataset("x", train, train, ("a",), "there").shape == (1, 4, 5)


def test_pixel_statistics_are_those_of_numpy() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (1003, 2, 3, 5), dtype=np.uint8)
    pixels[:, 1] //= 3
    means, deviations = Split(pixels, np.zeros(1003, np.int64)).pixel_statistics()
    np.testing.assert_allclose(means, (pixels / 255).mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(deviations, (pixels / 255).std(axis=(0, 2, 3)), rtol=1e-12)


def test_the_built_in_data_sets_are_known() -> None:
    assert dataset_names() == ["fashion-mnist", "fashion-mnist-mini", "mnist"]
    with pytest.raises(DataError, match=r"unknown data set 'fashon-mnist': did you mean fashion-mnist\?"):
        data_source("fashon-mnist")


def test_the_whole_data_sets_are_fetched_over_https_and_pinned() -> None:
    for name in ("fashion-mnist", "mnist"):
        source = data_source(name)
        assert isinstance(source, IdxSource)
        assert len(source.mirrors) >= 2
        for mirror in source.mirrors:
            assert mirror.startswith("https://") and mirror.endswith("/")
        assert [download.name for download in source.downloads] == [f"{name}.gz" for name in NAMES]
        sums = [download.sha256 for download in source.downloads] + list(source.contents)
        assert len(set(sums)) == 8
        assert all(len(digest) == 64 and set(digest) <= set("0123456789abcdef") for digest in sums)


def test_the_embedded_data_set_is_the_beginning_of_fashion_mnist() -> None:
    dataset = load_dataset(Settings(name="fashion-mnist-mini"))
    assert dataset.train.images.shape == (10_000, 1, 28, 28) and dataset.test.images.shape == (2_000, 1, 28, 28)
    assert (len(dataset.train), len(dataset.test)) == data_source("fashion-mnist-mini").counts
    assert dataset.classes[9] == "Ankle boot" and len(dataset.classes) == 10
    # The published beginning: an ankle boot, two T-shirts, a dress; in the test images an ankle boot, a pullover.
    assert dataset.train.labels[:6].tolist() == [9, 0, 0, 3, 0, 2]
    assert dataset.test.labels[:6].tolist() == [9, 2, 1, 1, 6, 1]
    assert np.bincount(dataset.train.labels).tolist() == [942, 1027, 1016, 1019, 974, 989, 1021, 1022, 990, 1000]
    # A trouser is dark between its legs, a bag is not.
    middle = dataset.train.images[:, 0, 20:, 14].mean(axis=1)
    assert middle[dataset.train.labels == 1].mean() < 60 < middle[dataset.train.labels == 8].mean()
    assert (Path(dataset.source) / "LICENSE").read_text().count("Copyright © 2017 Zalando SE") == 1


def test_the_embedded_data_set_needs_no_fetching() -> None:
    source = data_source("fashion-mnist-mini")
    assert source.embedded and not data_source("mnist").embedded
    assert source.fetch() == source.locate() and (source.fetch() / "LICENSE").is_file()


def test_the_embedded_files_are_made_reproducibly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, 10_001 * 2, dtype=np.uint8).tobytes()
    answers = np.random.default_rng(1).integers(0, 10, 10_001, dtype=np.uint8).tobytes()
    whole = put(
        tmp_path / "whole",
        (
            idx(10_001, 1, 2, values=pixels),
            idx(10_001, values=answers),
            idx(2_001, 1, 2, values=pixels[:4_002]),
            idx(2_001, values=answers[:2_001]),
        ),
    )
    make(whole, tmp_path / "one")
    make(whole, tmp_path / "two")
    for name in NAMES:
        assert (tmp_path / "one" / f"{name}.gz").read_bytes() == (tmp_path / "two" / f"{name}.gz").read_bytes()
    made = gzip.decompress((tmp_path / "one" / f"{NAMES[0]}.gz").read_bytes())
    assert made == idx(10_000, 1, 2, values=pixels[:20_000])
    made = gzip.decompress((tmp_path / "one" / f"{NAMES[3]}.gz").read_bytes())
    assert made == idx(2_000, values=answers[:2_000])
    assert f"{hashlib.sha256(made).hexdigest()} 2000 {NAMES[3]}" in capsys.readouterr().out
    with pytest.raises(DataError, match="nowhere lacks one of train-images-idx3-ubyte, train-labels"):
        make(tmp_path / "nowhere", tmp_path / "three")


def test_the_script_that_makes_the_embedded_files_is_runnable(tmp_path: Path) -> None:
    put(tmp_path / "whole")

    def script(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "nbcnn.data.embedded.make_fashion_mnist_mini", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert script(str(tmp_path / "whole"), str(tmp_path / "target")).returncode == 0
    assert gzip.decompress((tmp_path / "target" / f"{NAMES[0]}.gz").read_bytes()) == CONTENTS[0]
    assert "usage: python -m nbcnn.data.embedded.make_fashion_mnist_mini WHOLE [TARGET]" in script().stderr


@pytest.mark.parametrize("form", ["{}", "{}.gz", "dotted", "dotted.gz"])
def test_files_are_found_under_every_usual_name(tmp_path: Path, form: str) -> None:
    names = tuple(form.format(name).replace("dotted", name.replace("-idx", ".idx")) for name in NAMES)
    put(tmp_path, names=names)
    dataset = Tiny("tiny").load(tmp_path)
    assert dataset.train.images.tolist() == np.arange(12).reshape(3, 1, 2, 2).tolist()
    assert dataset.train.labels.tolist() == [0, 1, 1] and dataset.test.labels.tolist() == [1, 0]
    assert dataset.test.images.flat[0] == 100
    assert (dataset.name, dataset.classes, dataset.source) == ("tiny", ("cat", "dog"), str(tmp_path))


def test_a_plain_file_is_preferred_to_a_packed_one(tmp_path: Path) -> None:
    (tmp_path / "labels-idx1-ubyte.gz").touch()
    assert find_file(tmp_path, "labels-idx1-ubyte") == tmp_path / "labels-idx1-ubyte.gz"
    (tmp_path / "labels-idx1-ubyte").touch()
    assert find_file(tmp_path, "labels-idx1-ubyte") == tmp_path / "labels-idx1-ubyte"
    (tmp_path / "images-idx3-ubyte").mkdir()
    assert find_file(tmp_path, "images-idx3-ubyte") is None


def test_places_are_looked_at_in_turn(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, variable, system = tmp_path / "given", tmp_path / "variable", tmp_path / "system"
    monkeypatch.setattr(Tiny, "system", (system,))
    monkeypatch.setenv("NBCNN_DATA_DIR", str(variable))
    tiny = Tiny("tiny")
    given.mkdir()
    assert tiny.locate(given) is None
    # From the last place to the first: each new one wins over those before.
    for folder in (system, cache, cache / "tiny", variable, variable / "tiny", given, given / "tiny"):
        put(folder)
        assert tiny.locate(given) == folder
    assert tiny.locate() == variable / "tiny"


def test_a_folder_to_look_in_must_be_there(tmp_path: Path) -> None:
    sentence = "the data folder .*nope does not exist; name another, or make it with: nbcnn data fetch NAME --data-dir"
    for use in (Tiny("tiny").locate, Tiny("tiny").load):
        with pytest.raises(DataError, match=sentence):
            use(tmp_path / "nope")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"the data folder .*file is not a folder; name another"):
        Tiny("tiny").locate(tmp_path / "file")
    assert not (tmp_path / "nope").exists()


def test_the_users_places(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert user_places(None) == [cache]
    monkeypatch.setenv("NBCNN_DATA_DIR", "~/images")
    assert user_places(tmp_path) == [tmp_path, Path.home() / "images", cache]


def test_a_place_with_a_file_missing_is_passed_over(tmp_path: Path, cache: Path) -> None:
    put(tmp_path / "given", CONTENTS[:3], NAMES[:3])
    put(cache)
    assert Tiny("tiny").locate(tmp_path / "given") == cache


def test_a_found_file_of_another_content_is_refused(tmp_path: Path) -> None:
    other = idx(3, values=b"\0\1\0")
    put(tmp_path, (CONTENTS[0], other, *CONTENTS[2:]))
    got, expected = hashlib.sha256(other).hexdigest(), hashlib.sha256(CONTENTS[1]).hexdigest()
    sentence = (
        f"train-labels-idx1-ubyte is not the file of tiny: the SHA-256 of its content is {got}, expected {expected}; "
        r"delete it and run nbcnn data fetch tiny, or train on files of your own with the setting data\.folder"
    )
    with pytest.raises(DataError, match=sentence):
        Tiny("tiny").load(tmp_path)


def test_images_and_labels_must_have_their_dimensions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tiny, "contents", ("", "", "", ""))
    put(tmp_path, (CONTENTS[1], *CONTENTS[1:]))
    with pytest.raises(
        DataError, match=r"images-idx3-ubyte: expected images \(N, H, W\) or \(N, C, H, W\), got the shape \(3,\)"
    ):
        Tiny("tiny").load(tmp_path)
    put(tmp_path, (CONTENTS[0], CONTENTS[0], *CONTENTS[2:]))
    with pytest.raises(DataError, match=r"labels-idx1-ubyte: expected labels \(N,\), got the shape \(3, 2, 2\)"):
        Tiny("tiny").load(tmp_path)
    put(tmp_path, (CONTENTS[0], CONTENTS[3], *CONTENTS[2:]))
    with pytest.raises(
        DataError, match=r"train-images-idx3-ubyte holds 3 images, but .*train-labels-idx1-ubyte holds 2 labels"
    ):
        Tiny("tiny").load(tmp_path)


@pytest.mark.parametrize(
    ("shape", "taken"),
    [((1, 9, 3), True), ((3, 9, 4), True), ((4, 9, 1), True), ((4, 4, 4), True), ((5, 4, 3), True), ((5, 5, 3), False)],
)
def test_images_that_may_have_their_channels_first_are_taken(
    shape: tuple[int, ...], taken: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tiny, "contents", ("", "", "", ""))
    train, test = (idx(count, *shape, values=bytes(count * prod(shape))) for count in Tiny.counts)
    put(tmp_path, (train, CONTENTS[1], test, CONTENTS[3]))
    if taken:
        assert Tiny("tiny").load(tmp_path).test.images.shape == (2, *shape)
    else:
        with pytest.raises(DataError, match=r"looks channels-last \(N, H, W, C\), expected \(N, C, H, W\)"):
            Tiny("tiny").load(tmp_path)


def test_a_data_set_without_mirrors_cannot_be_fetched() -> None:
    with pytest.raises(DataError, match="tiny cannot be fetched: it has no mirrors"):
        Tiny("tiny").load()


def test_an_embedded_set_that_lost_its_files_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Lost(EmbeddedSource):
        classes, contents, folder = Tiny.classes, Tiny.contents, tmp_path

    with pytest.raises(DataError, match="lost brings no file for one of train-images-idx3-ubyte, train-labels"):
        Lost("lost").load()


def test_load_dataset_takes_a_name_with_a_folder_to_look_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "mnist" in DATASETS
    monkeypatch.setitem(DATASETS._things, "tiny", Tiny)
    put(tmp_path / "home" / "tiny")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    dataset = load_dataset(Settings(name="tiny", data_dir="~"))
    assert dataset.source == str(tmp_path / "home" / "tiny")


def test_a_data_set_that_gives_something_else_is_refused_by_both_loaders(monkeypatch: pytest.MonkeyPatch) -> None:
    class Odd(Tiny):
        def load(self, data_dir: Path | None = None) -> Any:
            return [1, 2]

    monkeypatch.setitem(DATASETS._things, "odd", Odd)
    words = r"^the data set odd gives a list, expected an nbcnn\.data\.Dataset$"
    with pytest.raises(DataError, match=words):
        load_dataset(Settings(name="odd"))
    with pytest.raises(DataError, match=words):
        load("odd", "train")


def test_load_dataset_takes_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "home" / "own")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    dataset = load_dataset(Settings(name="mnist", folder="~/own", size=(4, 6)))
    assert (dataset.name, dataset.shape) == ("own", (1, 4, 6))


def test_load_dataset_says_how_a_config_makes_images_alike(tmp_path: Path) -> None:
    (tmp_path / "ant").mkdir()
    for k in range(5):
        Image.fromarray(np.zeros((4 + k, 6), np.uint8)).save(tmp_path / "ant" / f"{k}.png")
    sentence = r"set data\.size to the network's input height and width, as in --set data\.size=\[H,W\]$"
    with pytest.raises(DataError, match=sentence):
        load_dataset(Settings(folder=str(tmp_path)))


def test_load_dataset_needs_a_name_or_a_folder() -> None:
    with pytest.raises(
        DataError, match=r"no data set is named: set data\.name, such as fashion-mnist-mini, or data\.folder"
    ):
        load_dataset(Settings())


def test_a_data_set_is_loaded_by_name_or_folder(tmp_path: Path) -> None:
    import nbcnn

    both = nbcnn.data.load("fashion-mnist-mini")
    assert both.train.images.shape == (10_000, 1, 28, 28) and both.classes[9] == "Ankle boot"
    images, labels = nbcnn.data.load("fashion-mnist-mini", "test")
    np.testing.assert_array_equal(images, both.test.images)
    np.testing.assert_array_equal(labels, both.test.labels)
    names = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    for name in names:
        nbcnn.data.write_idx(tmp_path / name, images[:6, 0] if "images" in name else labels[:6].astype(np.uint8))
    np.testing.assert_array_equal(nbcnn.data.load(tmp_path, "train")[1], labels[:6])


@pytest.mark.parametrize(
    ("source", "options", "words"),
    [
        ("fashion", {}, "no data set and no folder is called 'fashion'; did you mean fashion-mnist"),
        ("mnist", {"split": "val"}, 'split must be "train", "test" or None for both, got \'val\''),
        (
            "mnist",
            {"grayscale": True},
            "size and grayscale are for a folder of pictures; the data set mnist has its own",
        ),
        (3, {}, "expected the name of a data set or a folder, got int"),
    ],
)
def test_what_can_not_be_loaded_is_told(source: Any, options: dict[str, Any], words: str) -> None:
    import nbcnn

    with pytest.raises(DataError, match=re.escape(words)):
        nbcnn.data.load(source, **options)


def test_dir_shows_what_is_public() -> None:
    import subprocess
    import sys

    code = "import nbcnn; print(set(nbcnn.__all__) - set(dir(nbcnn)), 'numpy' in __import__('sys').modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["set()", "False"]
