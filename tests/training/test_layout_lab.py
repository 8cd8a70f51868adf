from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exhaustive import exhaustive
from stripes import TINY

import nbcnn
from nbcnn.data import load_dataset
from nbcnn.data.dataset import Split
from nbcnn.errors import DataError
from nbcnn.training.layout_lab import explain_layout, in_colour, laid_out, shifted


def test_a_reshape_counts_the_same_bytes_anew() -> None:
    """By hand: 2×3 pixels of two colours, 10·row + column for the first and 100 more for the second."""
    picture = np.array([[[0, 100], [1, 101], [2, 102]], [[10, 110], [11, 111], [12, 112]]], np.uint8)[None]
    assert laid_out(picture, "transposed")[0].tolist() == [
        [[0, 1, 2], [10, 11, 12]],
        [[100, 101, 102], [110, 111, 112]],
    ]
    assert laid_out(picture, "reshaped")[0].tolist() == [[[0, 100, 1], [101, 2, 102]], [[10, 110, 11], [111, 12, 112]]]


def test_pictures_are_moved_and_black_comes_in() -> None:
    picture = np.arange(1, 13, dtype=np.uint8).reshape(1, 3, 4, 1)
    assert shifted(picture, 1, 0)[0, ..., 0].tolist() == [[0, 0, 0, 0], [1, 2, 3, 4], [5, 6, 7, 8]]
    assert shifted(picture, 0, -2)[0, ..., 0].tolist() == [[3, 4, 0, 0], [7, 8, 0, 0], [11, 12, 0, 0]]
    assert not shifted(picture, -3, 0).any() and not shifted(picture, 0, 9).any()


def test_grey_pictures_get_a_colour_and_others_keep_theirs() -> None:
    grey = np.full((4, 1, 2, 2), 200, np.uint8)
    found, labels = in_colour(Split(grey, np.arange(4)), 0, 3)
    assert found.shape == (3, 2, 2, 3) and labels.tolist() == [0, 1, 2]
    assert (found == found[:, :1, :1]).all() and len({tuple(one[0, 0]) for one in found}) == 3
    colour = np.random.default_rng(0).integers(0, 256, (2, 3, 2, 2)).astype(np.uint8)
    assert np.array_equal(in_colour(Split(colour, np.arange(2)), 0, 9)[0], colour.transpose(0, 2, 3, 1))


def test_both_layouts_learn(stripes: Path) -> None:
    tiny: dict[str, Any] = {**TINY, "data": {"folder": str(stripes)}}
    lab = explain_layout(tiny, epochs=4, images=150, image=3, margin=1)
    right, wrong = lab.runs
    assert (right.layout, wrong.layout) == ("transposed", "reshaped")
    assert right.accuracy > 0.9 and wrong.accuracy > 0.5
    assert (lab.images, lab.test_images, lab.tinted, lab.shifts) == (150, 50, True, (2, 4, 8))
    assert all(0 <= share <= 1 for run in lab.runs for share in (*run.shifted, *run.kept))
    assert lab.picture.shape == (14, 14, 3) and lab.margin == 1 and lab.picture.any()
    assert not lab.picture[[0, -1]].any() and not lab.picture[:, [0, -1]].any()  # the margin
    labels = load_dataset(nbcnn.load(tiny).config.data).test.labels
    assert lab.guess == max(np.mean(labels == n) for n in set(labels))
    assert np.array_equal(lab.seen["transposed"], lab.picture.transpose(2, 0, 1))
    assert np.array_equal(lab.seen["reshaped"].ravel(), lab.picture.ravel())
    assert lab.as_json()["runs"][0]["accuracy"] == right.accuracy
    again = explain_layout(tiny, epochs=4, images=150, image=3, margin=1)
    assert again.as_json() == lab.as_json()


def test_what_does_not_fit_is_said(stripes: Path) -> None:
    with pytest.raises(
        DataError, match=r"^fashion-mnist-mini has no test image 2000: they are numbered from 0 to 1999$"
    ):
        explain_layout(image=2000)
    with pytest.raises(DataError, match=r"its images are 3×12×12 .*, the network takes 3×28×28"):
        explain_layout("lenet", nbcnn.Overrides(data=str(stripes)), epochs=1, images=10)


@exhaustive
def test_without_a_model_the_right_layout_follows_a_shift_and_the_wrong_one_does_not() -> None:
    """Few pictures, so that it is quick: the wrong layout falls several times as far."""
    lab = explain_layout(images=2500, epochs=2)
    right, wrong = lab.runs
    assert right.accuracy > 0.5 and wrong.accuracy > 0.5
    fell, fell_wrongly = right.accuracy - right.shifted[-1], wrong.accuracy - wrong.shifted[-1]
    assert fell < 0.1 and fell_wrongly > 0.15 and fell_wrongly > 3 * fell
