"""Folders of the user: IDX files, trees of images, and the images themselves."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nbcnn.data import load_folder
from nbcnn.data.images import read_image
from nbcnn.errors import DataError


def save(path: Path, level: int, size: tuple[int, int] = (4, 6)) -> None:
    """A grey image of one level; ``size`` is height, width."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(size, level, np.uint8)).save(path)


def tree(folder: Path, counts: dict[str, int], start: int = 0) -> Path:
    """Class folders with images 00.png, 01.png, …, whose levels count up over all classes."""
    level = start
    for name, count in counts.items():
        for k in range(count):
            save(folder / name / f"{k:02}.png", level)
            level += 1
    return folder


def idx(*sizes: int, values: bytes) -> bytes:
    return struct.pack(f">BBBB{len(sizes)}I", 0, 0, 8, len(sizes), *sizes) + values


def levels(images: NDArray[np.uint8]) -> list[int]:
    return [int(image[0, 0, 0]) for image in images]


def test_a_tree_gives_every_fifth_image_of_a_class_to_the_test(tmp_path: Path) -> None:
    dataset = load_folder(tree(tmp_path, {"cat": 7, "ant": 11}), grayscale=True)
    # ant comes first by name; its images have the levels 7..17, cat's 0..6.
    assert dataset.classes == ("ant", "cat")
    assert levels(dataset.train.images) == [7, 8, 9, 10, 12, 13, 14, 15, 17, 0, 1, 2, 3, 5, 6]
    assert dataset.train.labels.tolist() == [0] * 9 + [1] * 6
    assert levels(dataset.test.images) == [11, 16, 4] and dataset.test.labels.tolist() == [0, 0, 1]
    assert dataset.source == f"{tmp_path} (every fifth image of a class is a test image)"
    assert dataset.name == tmp_path.name and dataset.shape == (1, 4, 6)


def test_folders_train_and_test_are_the_splits(tmp_path: Path) -> None:
    tree(tmp_path / "train", {"ant": 2, "cat": 1})
    tree(tmp_path / "test", {"cat": 2, "ant": 1}, start=100)
    dataset = load_folder(tmp_path)
    assert dataset.classes == ("ant", "cat") and dataset.shape == (3, 4, 6)
    assert levels(dataset.train.images) == [0, 1, 2] and dataset.train.labels.tolist() == [0, 0, 1]
    assert levels(dataset.test.images) == [102, 100, 101] and dataset.test.labels.tolist() == [0, 1, 1]
    assert dataset.source == f"{tmp_path} (folders train and test)"


def test_hidden_files_and_files_beside_the_classes_are_passed_over(tmp_path: Path) -> None:
    tree(tmp_path, {"ant": 5})
    (tmp_path / "README.txt").write_text("hello")
    (tmp_path / ".cache").mkdir()
    (tmp_path / "ant" / ".DS_Store").write_text("rubbish")
    assert load_folder(tmp_path).classes == ("ant",)


def test_idx_files_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(2, 3, 1, 2, values=bytes(range(12))))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(2, values=b"\0\2"))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(1, 3, 1, 2, values=bytes(range(50, 56))))
    (tmp_path / "t10k-labels.idx1-ubyte").write_bytes(idx(1, values=b"\3"))
    dataset = load_folder(tmp_path)
    assert dataset.classes == ("0", "1", "2", "3") and dataset.source == str(tmp_path)
    assert dataset.train.images.tolist() == np.arange(12).reshape(2, 3, 1, 2).tolist()
    grey = load_folder(tmp_path, grayscale=True, size=(2, 2))
    assert grey.shape == (1, 2, 2)
    # Red, green and blue weigh 0.299, 0.587 and 0.114 in grey (ITU-R BT.601).
    expected = np.tensordot([0.299, 0.587, 0.114], np.arange(50, 56).reshape(3, 2), 1)
    np.testing.assert_allclose(grey.test.images[0, 0], np.stack([expected, expected]), atol=0.6)
    assert load_folder(tmp_path, grayscale=True).test.images.tolist() == grey.test.images[:, :, :1].tolist()
    colour = load_folder(tmp_path, size=(2, 4)).train.images
    assert colour.shape == (2, 3, 2, 4) and colour[1, 2, 0].tolist() == [10, 10, 11, 11]


def test_idx_images_of_odd_channels_cannot_be_made_grey(tmp_path: Path) -> None:
    for name in ("train", "t10k"):
        (tmp_path / f"{name}-images-idx3-ubyte").write_bytes(idx(1, 2, 1, 1, values=b"ab"))
        (tmp_path / f"{name}-labels-idx1-ubyte").write_bytes(idx(1, values=b"\0"))
    assert load_folder(tmp_path, size=(1, 1)).shape == (2, 1, 1)
    with pytest.raises(DataError, match=r"images of 2 channels cannot be made grey or resized, only those of 1 or 3"):
        load_folder(tmp_path, grayscale=True)
    with pytest.raises(DataError, match=r"\(.*\): images of 2 channels cannot be made grey or resized"):
        load_folder(tmp_path, size=(2, 1))


def test_says_what_is_wrong_with_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: no such folder$"):
        load_folder(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"file: is not a folder$"):
        load_folder(tmp_path / "file")
    looked_for = (
        r"looked for the four IDX files \(train-images-idx3-ubyte, .*, plain or \.gz\), or folders train and test "
        r"with a folder of images for each class, or a folder of images for each class$"
    )
    with pytest.raises(DataError, match="holds no data set; " + looked_for):
        load_folder(tmp_path)
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match="has a folder train, but no folder test; " + looked_for):
        load_folder(tmp_path)
    (tmp_path / "train").rename(tmp_path / "test")
    with pytest.raises(DataError, match="has a folder test, but no folder train; " + looked_for):
        load_folder(tmp_path)
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match="train: holds no class folders; looked for a folder of images for each class"):
        load_folder(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte.gz").touch()
    sentence = (
        "has train-labels-idx1-ubyte, but lacks train-images-idx3-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1"
    )
    with pytest.raises(DataError, match=sentence):
        load_folder(tmp_path)


def test_says_what_is_wrong_with_a_class(tmp_path: Path) -> None:
    tree(tmp_path / "few", {"ant": 5, "cat": 4})
    with pytest.raises(
        DataError, match=r"cat: the class has 4 images, but every fifth is a test image, .* at least 5; add"
    ):
        load_folder(tmp_path / "few")
    tree(tmp_path / "empty", {"ant": 5})
    (tmp_path / "empty" / "cat").mkdir()
    with pytest.raises(DataError, match=r"cat: the class has no images$"):
        load_folder(tmp_path / "empty")
    tree(tmp_path / "deep", {"ant": 5, "cat/kitten": 5})
    with pytest.raises(DataError, match="kitten: is a folder within the class cat, which must hold images only"):
        load_folder(tmp_path / "deep")
    tree(tmp_path / "unlike" / "train", {"ant": 1, "cat": 1})
    tree(tmp_path / "unlike" / "test", {"ant": 1})
    with pytest.raises(DataError, match="unlike: the class cat is in train only; train and test need the same classes"):
        load_folder(tmp_path / "unlike")
    tree(tmp_path / "unlike" / "test", {"bee": 1, "cat": 1})
    with pytest.raises(DataError, match="unlike: the class bee is in test only"):
        load_folder(tmp_path / "unlike")


def test_images_must_have_one_size_or_be_given_one(tmp_path: Path) -> None:
    tree(tmp_path, {"ant": 6})
    save(tmp_path / "ant" / "03.png", 9, (5, 6))
    sentence = r"03\.png: is 5 x 6 \(height x width\), but .*00\.png is 4 x 6; set data\.size, such as size: \[28, 28\]"
    with pytest.raises(DataError, match=sentence):
        load_folder(tmp_path)
    assert load_folder(tmp_path, size=(3, 2)).shape == (3, 3, 2)


def test_test_images_must_have_the_size_of_the_training_images(tmp_path: Path) -> None:
    save(tmp_path / "train" / "ant" / "a.png", 1, (4, 6))
    save(tmp_path / "test" / "ant" / "b.png", 1, (6, 4))
    with pytest.raises(DataError, match=r"b\.png: is 6 x 4 \(height x width\), but .*a\.png is 4 x 6"):
        load_folder(tmp_path)


@pytest.mark.parametrize("place", ["ant/00.png", "cat", "train"])
def test_links_out_of_the_folder_are_refused(tmp_path: Path, place: str) -> None:
    outside = tree(tmp_path / "outside", {"ant": 5})
    root = tree(tmp_path / "root", {"ant": 5})
    if place == "train":
        root = tmp_path / "splits"
        tree(root / "test", {"ant": 5})
    link = root / place
    link.unlink(missing_ok=True)
    link.symlink_to({"cat": outside / "ant", "train": outside}.get(place, outside / "ant" / "00.png"))
    with pytest.raises(DataError, match=f"{place}: is a link that leads out of {root}; copy the file or folder there"):
        load_folder(root)


def test_links_within_the_folder_and_to_the_folder_are_followed(tmp_path: Path) -> None:
    root = tree(tmp_path / "root", {"ant": 4})
    (root / "ant" / "04.png").symlink_to(root / "ant" / "00.png")
    (tmp_path / "link").symlink_to(root)
    assert levels(load_folder(tmp_path / "link").test.images) == [0]


def test_says_why_a_folder_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(DataError, match="cannot be read: Permission denied"):
        load_folder(tmp_path)


@pytest.mark.parametrize("form", ["png", "jpeg", "bmp", "gif", "webp", "tiff"])
def test_reads_every_format_in_colour_and_grey(tmp_path: Path, form: str) -> None:
    pixels = np.zeros((16, 24, 3), np.uint8)
    pixels[:8] = (255, 0, 0)
    Image.fromarray(pixels).save(tmp_path / f"image.{form}")
    colour = read_image(tmp_path / f"image.{form}")
    assert colour.shape == (3, 16, 24) and colour.dtype == np.uint8
    np.testing.assert_allclose(colour[:, [2, 12]].mean(axis=2).T, [[255, 0, 0], [0, 0, 0]], atol=6)
    grey = read_image(tmp_path / f"image.{form}", grayscale=True)
    assert grey.shape == (1, 16, 24) and abs(int(grey[0, 2, 5]) - 76) <= 3
    assert read_image(tmp_path / f"image.{form}", (4, 5)).shape == (3, 4, 5)


def test_turns_photographs_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn clockwise to view
    Image.fromarray(np.array([[10, 200]], np.uint8)).save(tmp_path / "photo.png", exif=exif)
    assert read_image(tmp_path / "photo.png", grayscale=True)[0].tolist() == [[10], [200]]


def png_header(width: int, height: int) -> bytes:
    """A grey PNG of this size whose pixels end after a few bytes."""
    content = b"\x89PNG\r\n\x1a\n"
    for chunk in (b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0), b"IDAT" + zlib.compress(bytes(50))):
        content += struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return content


def png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 50), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"hello", r"image\.png: is not an image \(PNG, JPEG, BMP, GIF, WEBP, TIFF\)"),
        (b"", r"image\.png: is not an image"),
        (b"P5 1 1 255 x", r"image\.png: is not an image"),  # a format that Pillow knows, but not one of ours
        (png()[:1000], r"image\.png: is a broken image: image file is truncated"),
        (png_header(10_000, 5_001), r"image\.png: has 10000 x 5001 pixels, more than the limit of 50,000,000"),
        (png_header(10_000, 10_000), r"image\.png: has 10000 x 10000 pixels, more than the limit of 50,000,000"),
        (png_header(10**9, 10**9), r"image\.png: has more pixels than the limit of 50,000,000"),
    ],
    ids=["text", "empty", "pgm", "truncated", "large", "warned", "bomb"],
)
@pytest.mark.filterwarnings("error")
def test_refuses_what_is_not_a_good_image(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "image.png").write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        read_image(tmp_path / "image.png")


def test_refuses_images_of_sixteen_bits_and_special_files(tmp_path: Path) -> None:
    Image.fromarray(np.full((2, 2), 40_000, np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(DataError, match=r"deep\.png: has 16-bit or float pixels \(mode I;16\); convert it to 8 bits"):
        read_image(tmp_path / "deep.png")
    Image.fromarray(np.full((2, 2), 0.5, np.float32)).save(tmp_path / "float.tiff")
    with pytest.raises(DataError, match=r"float\.tiff: has 16-bit or float pixels \(mode F\)"):
        read_image(tmp_path / "float.tiff")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="pipe: expected an image, got a special file"):
        read_image(tmp_path / "pipe")
