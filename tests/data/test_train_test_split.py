"""Which images of a class are test images: by their content, so that they stay where they are."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from nbcnn.data.train_test_split import held_out
from nbcnn.errors import DataError


def files(folder: Path, contents: list[bytes], first: int = 0) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:04}.png" for number in range(first, first + len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return paths


def texts(start: int, count: int) -> list[bytes]:
    return [f"picture {number}".encode() for number in range(start, start + count)]


def low(content: bytes) -> bool:
    """As a person reads it off sha256sum: below 3333…, a fifth of ffff…"""
    return hashlib.sha256(content).hexdigest() < "3" * 64


def test_one_in_five_by_the_digest_of_the_file(tmp_path: Path) -> None:
    contents = texts(0, 1000)
    held = held_out(files(tmp_path, contents))
    assert held == [low(content) for content in contents]
    assert 150 < sum(held) < 250


def test_images_stay_where_they_are_when_others_come_go_or_are_renamed(tmp_path: Path) -> None:
    contents = texts(0, 60)
    paths = files(tmp_path, contents)
    before = dict(zip(contents, held_out(paths), strict=True))
    more = files(tmp_path, texts(60, 30), first=100)
    after = dict(zip([*contents, *texts(60, 30)], held_out(sorted([*paths, *more])), strict=True))
    assert {content: after[content] for content in contents} == before and sum(after.values()) > sum(before.values())
    fewer = dict(zip(contents[::2], held_out(paths[::2]), strict=True))
    assert fewer == {content: before[content] for content in contents[::2]}
    renamed = [path.rename(path.with_name(f"{k * 7919 % 101}.jpeg")) for k, path in enumerate(paths)]
    assert dict(zip(contents, held_out(renamed), strict=True)) == before


def test_copies_are_on_one_side(tmp_path: Path) -> None:
    contents = texts(0, 12) * 4
    held = held_out(files(tmp_path, contents))
    assert held[:12] * 4 == held and 0 < sum(held) < 48


def test_a_class_has_a_test_image_though_chance_gives_it_none(tmp_path: Path) -> None:
    contents = [content for content in texts(0, 100) if not low(content)][:5]
    held = held_out(files(tmp_path, contents))
    assert held.index(True) == contents.index(min(contents, key=lambda one: hashlib.sha256(one).digest()))
    assert sum(held) == 1


def test_a_class_keeps_half_of_its_contents_for_training(tmp_path: Path) -> None:
    contents = [content for content in texts(0, 100) if low(content)][:7]
    held = held_out(files(tmp_path, contents))
    lowest = sorted(contents, key=lambda one: hashlib.sha256(one).digest())[:3]
    assert held == [content in lowest for content in contents]


def test_of_one_content_again_and_again_every_fifth(tmp_path: Path) -> None:
    assert held_out(files(tmp_path, [b"same"] * 11)) == ([False] * 4 + [True]) * 2 + [False]


def test_a_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*gone\.png: No such file or directory"):
        held_out([tmp_path / "gone.png"])
