"""Validation images held out of the training images: how many of each class, which ones, and where it can't be done."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest

from nbcnn.data import Dataset, Split
from nbcnn.data.validation_split import hold_out
from nbcnn.errors import DataError


def dataset(labels: Sequence[int], contents: Sequence[int] | None = None, files: bool = False) -> Dataset:
    """Training images 2×2 with these labels, each another one unless ``contents`` says which are alike."""
    numbers = np.arange(len(labels)) if contents is None else np.array(contents)
    images = (
        np.stack([numbers // 256, numbers % 256, numbers * 0, numbers * 0], 1).astype(np.uint8).reshape(-1, 1, 2, 2)
    )
    names = tuple(f"{n}.png" for n in range(len(labels))) if files else ()
    test = Split(np.full((1, 1, 2, 2), 99, np.uint8), np.zeros(1, np.int64))
    classes = tuple(f"class {k}" for k in range(max(labels) + 1))
    return Dataset("numbers", Split(images, np.array(labels, np.int64), files=names), test, classes, "here")


def numbers(split: Split | None) -> list[int]:
    assert split is not None
    return [int(image[0, 0, 0]) * 256 + int(image[0, 0, 1]) for image in split.images]


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.9, 0.001, 0.999])
def test_each_class_gives_its_share_to_the_nearest_image(share: float) -> None:
    counts = {0: 100, 1: 37, 2: 5, 3: 2}
    labels = np.random.default_rng(1).permutation(np.repeat(list(counts), list(counts.values())))
    data = dataset(labels.tolist(), files=True)
    divided = hold_out(data, share, 7)
    assert divided.validation is not None and divided.test is data.test
    for label, count in counts.items():
        held = int(np.count_nonzero(divided.validation.labels == label))
        nearest = int(Fraction(share) * count + Fraction(1, 2))
        assert held == min(max(nearest, 1), count - 1)
    # Every image is in one of both, with its label and file, in the order that it had.
    train, held_out = numbers(divided.train), numbers(divided.validation)
    assert sorted(train + held_out) == list(range(len(labels))) and train == sorted(train)
    for part, members in ((divided.train, train), (divided.validation, held_out)):
        assert part.labels.tolist() == labels[members].tolist() and part.images.flags.c_contiguous
        assert part.files == tuple(f"{number}.png" for number in members)
    assert f"{share:g} of its training images; they choose the best checkpoint" in divided.notes[-1]


def test_which_ones_is_a_function_of_the_seed() -> None:
    data = dataset([k % 3 for k in range(300)])
    one, again, other = (numbers(hold_out(data, 0.1, seed).validation) for seed in (5, 5, 6))
    assert one == again and one != other and len(one) == 30
    assert one == [
        12, 18, 25, 26, 36, 43, 65, 76, 92, 117, 118, 119, 124, 147, 150, 163, 165, 192, 194, 201, 214, 219, 221, 223,
        224, 229, 247, 260, 278, 299,
    ]  # fmt: skip
    chosen = np.zeros(300)
    for seed in range(400):
        chosen[numbers(hold_out(data, 0.1, seed).validation)] += 1
    assert abs(chosen - 40).max() < 5 * np.sqrt(400 * 0.1 * 0.9)  # each image as likely as any other


def test_copies_of_an_image_stay_together() -> None:
    contents = [k % 10 for k in range(40)]
    for seed in range(20):
        divided = hold_out(dataset([0] * 40, contents), 0.2, seed)
        train, held = set(numbers(divided.train)), numbers(divided.validation)
        assert not train.intersection(held) and len(held) == 8
    divided = hold_out(dataset([0] * 5, [1, 1, 1, 1, 2]), 0.2, 0)
    assert sorted({*numbers(divided.train)} | {*numbers(divided.validation)}) == [1, 2]


def test_the_digest_stays_that_of_all_images() -> None:
    data = dataset([0, 1] * 20)
    for share, seed in ((0.1, 0), (0.5, 1)):
        assert hold_out(data, share, seed).digest == data.digest
    assert hold_out(data, None, 0) is data


def test_validation_images_of_the_datas_own_are_kept_and_that_is_said() -> None:
    data = dataset([0, 1] * 20)
    divided = hold_out(data, 0.5, 0)
    own = Dataset("own", divided.train, data.test, data.classes, "here", validation=divided.validation)
    kept = hold_out(own, 0.1, 3)
    assert kept.validation is own.validation and kept.train is own.train
    assert kept.notes == (
        "data.validation: 0.1 holds out no training images: the data have validation images of their own",
    )


def test_a_class_that_has_too_few_is_named() -> None:
    with pytest.raises(DataError) as caught:
        hold_out(dataset([0, 0, 0, 1]), 0.1, 0)
    assert str(caught.value) == (
        "numbers (here): data.validation: 0.1 can't be held out of the class class 1, which has 1 training image: one "
        "to validate with leaves 1 - 1 = 0 to train on; give each class at least 2 different ones, or leave "
        "data.validation out"
    )
    with pytest.raises(
        DataError, match="class 0, which has 3 training images, all the same: one to validate with leaves"
    ):
        hold_out(dataset([0, 0, 0], [4, 4, 4]), 0.1, 0)


def test_a_class_without_training_images_gives_none() -> None:
    divided = hold_out(dataset([0, 0, 2, 2]), 0.5, 0)
    assert divided.validation is not None and divided.validation.labels.tolist() == [0, 2]
