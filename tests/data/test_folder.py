"""Folders of the user: IDX files, trees of images, and the images themselves."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nbcnn.data import load_folder
from nbcnn.data.picture import prepare, read
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


def lowest_fifth(path: Path) -> bool:
    """Whether sha256sum prints a number that begins below a fifth of ffff…"""
    return hashlib.sha256(path.read_bytes()).hexdigest() < "3" * 64


def test_a_tree_gives_one_in_five_images_of_a_class_to_the_test_by_their_content(tmp_path: Path) -> None:
    tree(tmp_path, {"cat": 40, "ant": 60})
    dataset = load_folder(tmp_path, grayscale=True)
    # ant comes first by name; its images have the levels 40..99, cat's 0..39.
    held = {path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/*.png") if lowest_fifth(path)}
    every = [f"ant/{k:02}.png" for k in range(60)] + [f"cat/{k:02}.png" for k in range(40)]
    level = {name: k + 40 if k < 60 else k - 60 for k, name in enumerate(every)}
    assert dataset.classes == ("ant", "cat") and 5 < len(held) < 40
    for split, names in (
        (dataset.train, [n for n in every if n not in held]),
        (dataset.test, [n for n in every if n in held]),
    ):
        assert split.files == tuple(names) and levels(split.images) == [level[name] for name in names]
        assert split.labels.tolist() == [int(name.startswith("cat")) for name in names]
    assert dataset.source == f"{tmp_path} (one in five images of a class is a test image, by its content)"
    assert dataset.name == tmp_path.name and dataset.shape == (1, 4, 6) and not dataset.numbered


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
    np.testing.assert_allclose(grey.test.images[0, 0, 0], expected, atol=0.6)
    assert grey.test.images[0, 0, 1].tolist() == [52, 52]  # padding: between 52 and 53
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
    with pytest.raises(DataError, match=r"file is a file, not a folder; expected a folder with a folder of images for"):
        load_folder(tmp_path / "file")
    looked_for = (
        r"looked for the four IDX files \(train-images-idx3-ubyte, .*, plain or \.gz\), or folders train and test "
        r"with a folder of images for each class, or a folder of images for each class$"
    )
    sentence = "holds no data set, but 1 file in no class folder, such as file; "
    with pytest.raises(DataError, match=sentence + looked_for):
        load_folder(tmp_path)
    (tmp_path / "file").unlink()
    with pytest.raises(DataError, match="holds no data set; " + looked_for):
        load_folder(tmp_path)
    (tmp_path / "train").mkdir()
    alone = r" \(to divide {0} itself, give .*{0}\); "
    with pytest.raises(
        DataError, match="has a folder train, but no folder test or val" + alone.format("train") + looked_for
    ):
        load_folder(tmp_path)
    (tmp_path / "train").rename(tmp_path / "test")
    with pytest.raises(DataError, match="has a folder test, but no folder train" + alone.format("test") + looked_for):
        load_folder(tmp_path)
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match="train holds no class folders; looked for a folder of images for each class"):
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
        DataError, match=r"cat: the class has 4 images, but one in five is a test image, .* at least 5; add"
    ):
        load_folder(tmp_path / "few")
    tree(tmp_path / "empty", {"ant": 5})
    (tmp_path / "empty" / "cat").mkdir()
    with pytest.raises(DataError, match=r"cat: the class has no images; add some, or remove the folder$"):
        load_folder(tmp_path / "empty")
    tree(tmp_path / "deep", {"ant": 5, "cat/kitten": 5})
    with pytest.raises(DataError, match="kitten is a folder within the class cat, which must hold images only"):
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
    sentence = r"03\.png is 5 x 6 \(height x width\), but .*00\.png is 4 x 6; give a size, as in size=\(H, W\)$"
    with pytest.raises(DataError, match=sentence):
        load_folder(tmp_path)
    assert load_folder(tmp_path, size=(3, 2)).shape == (3, 3, 2)


def test_test_images_must_have_the_size_of_the_training_images(tmp_path: Path) -> None:
    save(tmp_path / "train" / "ant" / "a.png", 1, (4, 6))
    save(tmp_path / "test" / "ant" / "b.png", 1, (6, 4))
    with pytest.raises(DataError, match=r"b\.png is 6 x 4 \(height x width\), but .*a\.png is 4 x 6"):
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
    with pytest.raises(DataError, match=f"{place} is a link that leads out of {root}; copy the file or folder there"):
        load_folder(root)


def test_links_within_the_folder_and_to_the_folder_are_followed(tmp_path: Path) -> None:
    root = tree(tmp_path / "root", {"ant": 4})
    (root / "ant" / "04.png").symlink_to(root / "ant" / "00.png")
    (tmp_path / "link").symlink_to(root)
    dataset = load_folder(tmp_path / "link")
    found = dict(
        zip(
            dataset.train.files + dataset.test.files,
            levels(dataset.train.images) + levels(dataset.test.images),
            strict=True,
        )
    )
    assert found == {f"ant/{k:02}.png": k % 4 for k in range(5)}


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
    colour = read(tmp_path / f"image.{form}", 3)
    assert colour.shape == (3, 16, 24) and colour.dtype == np.uint8
    np.testing.assert_allclose(colour[:, [2, 12]].mean(axis=2).T, [[255, 0, 0], [0, 0, 0]], atol=6)
    grey = read(tmp_path / f"image.{form}", 1)
    assert grey.shape == (1, 16, 24) and abs(int(grey[0, 2, 5]) - 76) <= 3
    assert read(tmp_path / f"image.{form}", 3, (4, 5)).shape == (3, 4, 5)


def test_turns_photographs_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn clockwise to view
    Image.fromarray(np.array([[10, 200]], np.uint8)).save(tmp_path / "photo.png", exif=exif)
    assert read(tmp_path / "photo.png", 1)[0].tolist() == [[10], [200]]


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
        (b"hello", r"image\.png is not an image that nbcnn reads; save it as PNG, JPEG"),
        (b"", r"image\.png is not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", r"image\.png is not an image"),  # Pillow knows it, but it is not one of ours
        (png()[:1000], r"image\.png is a broken image \(image file is truncated"),
        (png_header(10_000, 6_401), r"image\.png is too large: 10000×6401 pixels, at most 64 million are read"),
        (png_header(10_000, 10_000), r"image\.png is too large: 10000×10000 pixels"),
        (png_header(10**9, 10**9), r"image\.png is too large: far more pixels"),
    ],
    ids=["text", "empty", "eps", "truncated", "large", "warned", "bomb"],
)
@pytest.mark.filterwarnings("error")
def test_refuses_what_is_not_a_good_image(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "image.png").write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        read(tmp_path / "image.png", 3)


def test_a_broken_image_is_named(tmp_path: Path) -> None:
    tree(tmp_path, {"ant": 5})
    (tmp_path / "ant" / "02.png").write_bytes(png()[:1000])
    with pytest.raises(DataError, match=r"ant/02\.png is a broken image \(image file is truncated.*\); save it anew$"):
        load_folder(tmp_path)


def test_all_broken_images_are_counted_and_the_first_ten_named(tmp_path: Path) -> None:
    tree(tmp_path, {"ant": 20, "bee": 5})
    for k in range(2, 14):
        (tmp_path / "ant" / f"{k:02}.png").write_bytes(png()[:1000])
    with pytest.raises(DataError, match=r"^12 of 25 images can't be read:\n") as caught:
        load_folder(tmp_path)
    _, *named, last = str(caught.value).splitlines()
    assert len(named) == 10 and last == "  and 2 more"
    assert all("is a broken image" in line and line.startswith("  ") for line in named)
    for k in range(5, 14):
        (tmp_path / "ant" / f"{k:02}.png").unlink()
    with pytest.raises(DataError, match=r"^3 of 16 images can't be read:\n.*02\.png.*\n.*03\.png.*\n.*04\.png.*anew$"):
        load_folder(tmp_path)


def test_images_of_several_sizes_are_all_named(tmp_path: Path) -> None:
    tree(tmp_path, {"ant": 5})
    for k in (2, 4):
        Image.fromarray(np.zeros((k, 6), np.uint8)).save(tmp_path / "ant" / f"{k:02}.png")
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "ant" / "00.png")
    with pytest.raises(DataError) as caught:
        load_folder(tmp_path, remedy="do this")
    ant = tmp_path / "ant"
    assert str(caught.value).splitlines() == [
        f"4 of 5 images have another size (height x width) than the first, {ant / '00.png'} is 9 x 9:",
        f"  {ant / '01.png'} is 4 x 6",
        f"  {ant / '02.png'} is 2 x 6",
        f"  {ant / '03.png'} is 4 x 6",
        f"  {ant / '04.png'} is 4 x 6",
        "do this",
    ]


def deep(folder: Path, *pictures: NDArray[Any], suffix: str = "png") -> Path:
    """Pictures of one class; the fifth is the test image."""
    for k, picture in enumerate(pictures):
        place = folder / ("test" if k == 4 else "train") / "ant"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place / f"{k}.{suffix}")
    return folder


def ramp(largest: float, dtype: type) -> NDArray[Any]:
    return np.array([[0, largest / 2], [largest / 4, largest]]).astype(dtype)


def ramps(largest: float, dtype: type) -> list[NDArray[Any]]:
    """Five that are not all the same."""
    return [*[ramp(largest, dtype)] * 4, np.zeros((2, 2), dtype)][::-1]


@pytest.mark.parametrize(
    ("largest", "white"), [(216, 255), (900, 1023), (4000, 4095), (16_000, 16_383), (40_000, 65_535)]
)
def test_the_largest_number_of_all_images_decides_their_white(tmp_path: Path, largest: int, white: int) -> None:
    """The brightest one is a test image."""
    images = [ramp(100, np.uint16)] * 4 + [ramp(largest, np.uint16), np.full((2, 2), 77, np.uint8)]
    dataset = load_folder(deep(tmp_path / "set", *images), grayscale=True)
    assert dataset.white_level == white
    assert dataset.test.images[0, 0].tolist() == np.floor(images[4] * 255.0 / white + 0.5).tolist()
    assert dataset.train.images[0, 0, 1, 1] == np.floor(100 * 255 / white + 0.5)
    assert (dataset.train.images[4] == 77).all()
    assert f"5: 16 bits to 8, darkest 0, lightest {largest}, {white} is white" in dataset.done
    assert ("4: nearly black" in dataset.done) == (white > 1023)


def test_a_white_level_that_is_given_is_used_and_what_exceeds_it_is_told(tmp_path: Path) -> None:
    folder = deep(tmp_path / "set", *[ramp(1000, np.uint16)] * 3, *[ramp(2000, np.uint16)] * 2)
    assert load_folder(folder, white_level=4095).train.images[0, 0, 1, 1] == 62  # 62.3
    sentence = (
        r"^2 of the pictures have numbers above the white level 1023, which became white; if white is more than 1023, set "
        r"data\.white_level, as in --set data\.white_level=65535$"
    )
    with pytest.warns(RuntimeWarning, match=sentence):
        dataset = load_folder(folder, white_level=1023)
    assert dataset.train.images[0, 0, 1, 1] == 249 and dataset.train.images[3, 0, 1, 1] == 255


def test_twelve_bits_that_pillow_cuts_off_are_told(tmp_path: Path) -> None:
    (tmp_path / "ant").mkdir()
    for k in range(5):
        numbers = np.full((2, 2, 3), 100 * k, ">u2").tobytes()
        (tmp_path / "ant" / f"{k}.ppm").write_bytes(b"P6 2 2 65535\n" + numbers)
    sentence = (
        r"^5 of the pictures have 16 bits, of which the higher eight alone are read, and nearly nothing in these; save"
    )
    with pytest.warns(RuntimeWarning, match=sentence):
        assert "5: 16 bits to 8" in load_folder(tmp_path).done


def test_floating_point_images_have_one_white_too(tmp_path: Path) -> None:
    dataset = load_folder(deep(tmp_path / "ones", *ramps(0.8, np.float32), suffix="tiff"))
    assert dataset.white_level == 1 and dataset.train.images[1, 0].tolist() == [[0, 102], [51, 204]]
    assert "5: floating-point numbers to 8, darkest 0, lightest 0.8, 1 is white" in dataset.done
    dataset = load_folder(deep(tmp_path / "bytes", *ramps(200, np.float32), suffix="tiff"))
    assert dataset.white_level == 255 and dataset.train.images[1, 0].tolist() == [[0, 100], [50, 200]]
    mixed = deep(tmp_path / "mixed", *ramps(0.8, np.float32)[1:], ramp(900, np.uint16), suffix="tiff")
    with pytest.raises(
        DataError, match=r"0\.tiff has floating-point numbers and .*4\.tiff whole ones, so that white is"
    ):
        load_folder(mixed)
    with pytest.raises(
        DataError, match=r"4\.tiff has numbers up to 70000, more than 16 bits; save all with 8 or 16 bit"
    ):
        load_folder(deep(tmp_path / "wide", *ramps(900, np.int32)[:4], ramp(70_000, np.int32), suffix="tiff"))
    dataset = load_folder(tmp_path / "wide", white_level=140_000)
    assert dataset.test.images[0, 0].tolist() == [[0, 64], [32, 128]]


def test_says_what_was_done_to_how_many(tmp_path: Path) -> None:
    images = [
        Image.fromarray(np.full((h, w, 3), (h, w, 0), np.uint8)) for h, w in ((4, 6), (8, 6), (4, 6), (9, 3), (6, 4))
    ]
    (tmp_path / "ant").mkdir()
    for k, image in enumerate(images):
        image.putpixel((0, 0), (200, 0, 0))
        exif = Image.Exif()
        exif[0x0112] = 6 if k == 4 else 1
        image.save(tmp_path / "ant" / f"{k}.png", exif=exif)
    images[0].convert("RGBA").save(tmp_path / "ant" / "5.png")
    assert load_folder(tmp_path, (4, 6), grayscale=True).done == (
        "6: colour to grey",
        "2: resized to 6×4 from 6×8 … 3×9 (2 sizes)",
        "1: turned upright, as its EXIF data say",
    )


def test_images_that_use_few_levels_are_told(tmp_path: Path) -> None:
    for k in range(5):
        save(tmp_path / "ant" / f"{k}.png", k)
    assert load_folder(tmp_path).done[-1] == "5: levels from 0 to 4 alone, of 0 to 255"


def test_images_of_sixteen_bits_keep_their_scale_and_floats_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.full((2, 2), 32_768, np.uint16)).save(tmp_path / "deep.png")
    assert read(tmp_path / "deep.png", 1).tolist() == [[[128, 128], [128, 128]]]
    Image.fromarray(np.full((2, 2), 0.5, np.float32)).save(tmp_path / "float.tiff")
    with pytest.raises(DataError, match=r"float\.tiff is an image of floating-point numbers"):
        read(tmp_path / "float.tiff", 1)


def kinds() -> dict[str, Image.Image]:
    """Images of a folder: black on transparent, of a palette, grey, in colour, of 16 bits, turned; no square among."""
    rng = np.random.default_rng(5)
    shape = np.zeros((30, 21, 4), np.uint8)
    shape[5:20, 4:9, 3] = 255
    shape[20:25, 4:15, 3] = 130
    palette = Image.fromarray(rng.integers(0, 256, (13, 40, 3), np.uint8)).quantize(16)
    clear = Image.fromarray(rng.integers(0, 256, (13, 40, 3), np.uint8)).quantize(16)
    clear.info["transparency"] = 3
    ramp = np.linspace(20, 230, 19 * 31).astype(np.uint8).reshape(19, 31)
    return {
        "transparent": Image.fromarray(shape),
        "palette": palette,
        "clear_palette": clear,
        "grey": Image.fromarray(ramp),
        "grey_alpha": Image.fromarray(np.dstack([ramp, 255 - ramp])),
        "colour": Image.fromarray(rng.integers(0, 256, (64, 17, 3), np.uint8)),
        "one_bit": Image.fromarray(ramp).convert("1"),
        "sixteen_bits": Image.fromarray(np.linspace(0, 65535, 23 * 9).astype(np.uint16).reshape(23, 9)),
        "cmyk": Image.fromarray(rng.integers(0, 256, (10, 27, 3), np.uint8)).convert("CMYK"),
    }


@pytest.mark.parametrize("grayscale", [False, True], ids=["colour", "grey"])
@pytest.mark.parametrize("size", [(16, 16), (12, 20), (70, 70)], ids=str)
def test_training_reads_what_predict_prepares(tmp_path: Path, size: tuple[int, int], grayscale: bool) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    paths = []
    for split in ("train", "test"):
        (tmp_path / split / "things").mkdir(parents=True)
        for name, image in kinds().items():
            path = tmp_path / split / "things" / f"{name}.{'tiff' if image.mode == 'CMYK' else 'png'}"
            image.save(path, **({"exif": exif} if name == "colour" else {}))
            paths.append(path)
    dataset = load_folder(tmp_path, size, grayscale)
    found = np.concatenate([dataset.train.images, dataset.test.images])
    assert found.shape == (len(paths), 1 if grayscale else 3, *size)
    ordered = [path for split in ("train", "test") for path in sorted((tmp_path / split / "things").iterdir())]
    for path, image in zip(ordered, found, strict=True):
        prepared = prepare(path, len(image), *size, dark_background=None).image
        np.testing.assert_array_equal(image, prepared, err_msg=path.name)


def test_shapes_on_transparent_stand_on_white_and_keep_their_proportions(tmp_path: Path) -> None:
    for k in range(5):
        shape = np.zeros((20, 40, 4), np.uint8)
        shape[5:15, 5 + k : 25 + k, 3] = 255
        (tmp_path / "bar").mkdir(exist_ok=True)
        Image.fromarray(shape).save(tmp_path / "bar" / f"{k}.png")
    images = load_folder(tmp_path, (40, 40), grayscale=True).train.images
    expected = np.full((40, 40), 255)
    expected[15:25, 5:25] = 0  # 10 x 20 as it was, in the middle
    np.testing.assert_array_equal(images[0, 0], expected)


def test_idx_images_keep_their_proportions_too(tmp_path: Path) -> None:
    pixels = bytes([0, 0, 0, 0, 9, 0, 0, 0])
    for name in ("train", "t10k"):
        (tmp_path / f"{name}-images-idx3-ubyte").write_bytes(idx(1, 2, 4, values=pixels))
        (tmp_path / f"{name}-labels-idx1-ubyte").write_bytes(idx(1, values=b"\0"))
    assert load_folder(tmp_path, (4, 4)).train.images.tolist() == [[[[0] * 4, [0] * 4, [9, 0, 0, 0], [0] * 4]]]


def test_warns_of_images_that_are_all_the_same(tmp_path: Path) -> None:
    for k in range(6):
        save(tmp_path / "ant" / f"{k}.png", 7)
        save(tmp_path / "cat" / f"{k}.png", 7)
    sentence = r"all 10 training images are the same, every pixel 7; no network can learn from them$"
    with pytest.warns(RuntimeWarning, match=sentence):
        assert len(load_folder(tmp_path).train) == 10
    for path in tmp_path.glob("*/*.png"):
        Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6)).save(path)
    with pytest.warns(RuntimeWarning, match="all 10 training images are the same; no network can learn from them$"):
        load_folder(tmp_path)


def test_what_systems_leave_behind_is_passed_over(tmp_path: Path) -> None:
    tree(tmp_path, {"ant": 5, "__MACOSX": 1})
    for name in ("Thumbs.db", "desktop.ini", "Desktop.ini", ".hidden"):
        (tmp_path / "ant" / name).write_text("rubbish")
    (tmp_path / "ant" / "__MACOSX").mkdir()
    dataset = load_folder(tmp_path)
    assert dataset.classes == ("ant",) and len(dataset.train) == 4


def test_names_all_files_that_are_not_images_at_once(tmp_path: Path) -> None:
    tree(tmp_path, {"ant": 5, "bee": 5})
    (tmp_path / "bee" / "notes.txt").write_text("hello")
    sentence = r": 1 file in the class folders is not an image: bee/notes\.txt; move it elsewhere or save it as PNG, "
    with pytest.raises(DataError, match=sentence):
        load_folder(tmp_path)
    for k in range(6):
        (tmp_path / "ant" / f"z{k}.csv").touch()
    sentence = r": 7 files in the class folders are not images: ant/z0\.csv, .*, ant/z4\.csv and 2 more; move them else"
    with pytest.raises(DataError, match=sentence):
        load_folder(tmp_path)


def test_strays_are_named_before_images_are_counted_and_in_test_folders(tmp_path: Path) -> None:
    tree(tmp_path / "few", {"ant": 3})
    (tmp_path / "few" / "ant" / "x.txt").touch()
    with pytest.raises(DataError, match=r"1 file in the class folders is not an image: ant/x\.txt"):
        load_folder(tmp_path / "few")
    tree(tmp_path / "two" / "train", {"ant": 3})
    tree(tmp_path / "two" / "test", {"ant": 1})
    os.mkfifo(tmp_path / "two" / "train" / "ant" / "pipe")
    (tmp_path / "two" / "test" / "ant" / "x.txt").touch()
    with pytest.raises(DataError, match=r"2 files in the class folders are not .*: train/ant/pipe, test/ant/x\.txt; "):
        load_folder(tmp_path / "two")


def test_one_image_is_no_plural(tmp_path: Path) -> None:
    tree(tmp_path, {"ant": 1})
    with pytest.raises(DataError, match=r"ant: the class has 1 image, but one in five"):
        load_folder(tmp_path)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_idx_images_with_channels_last_are_refused(tmp_path: Path, channels: int) -> None:
    for name in ("train", "t10k"):
        values = bytes(8 * 9 * channels)
        (tmp_path / f"{name}-images-idx3-ubyte").write_bytes(idx(1, 8, 9, channels, values=values))
        (tmp_path / f"{name}-labels-idx1-ubyte").write_bytes(idx(1, values=b"\0"))
    sentence = (
        rf"train-images-idx3-ubyte has the shape \(1, 8, 9, {channels}\), which looks channels-last \(N, H, W, C\), "
        r"expected \(N, C, H, W\); write it anew with images\.transpose\(0, 3, 1, 2\)$"
    )
    with pytest.raises(DataError, match=sentence):
        load_folder(tmp_path)
