from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nbcnn
from nbcnn.errors import DataError
from nbcnn.training.chosen_image import chosen_image, image_without_network
from nbcnn.training.example_images import as_number


def test_a_number_is_that_of_a_test_image() -> None:
    images, labels = nbcnn.data.load("fashion-mnist-mini", "test")
    found = chosen_image(nbcnn.load("lenet"), "7")
    assert np.array_equal(found.pixels, images[7]) and found.label == labels[7]
    assert found.words == "test image 7 of fashion-mnist-mini (Shirt)"
    assert np.array_equal(image_without_network(7, "fashion-mnist-mini").pixels, images[7])


def test_all_else_is_a_file(tmp_path: Path) -> None:
    Image.fromarray(np.full((10, 20), 90, np.uint8)).save(tmp_path / "12.png")
    found = chosen_image(nbcnn.load("lenet"), tmp_path / "12.png")
    assert found.pixels.shape == (1, 28, 28) and found.label is None and found.words == str(tmp_path / "12.png")
    assert image_without_network(str(tmp_path / "12.png"), "no such data").pixels.shape == (1, 28, 28)
    assert [as_number(text) for text in ("12", "-1", 3, "12.png", "٣", "")] == [12, -1, 3, None, 3, None]


def test_what_is_not_there_is_said() -> None:
    network = nbcnn.load("lenet")
    for number in (2000, -1):
        with pytest.raises(
            DataError, match=f"^fashion-mnist-mini has no test image {number}: they are numbered from 0 to 1999$"
        ):
            chosen_image(network, number)
    with pytest.raises(DataError, match=r"no such file; expected a picture$"):
        chosen_image(network, "missing.png")
    smaller = nbcnn.load("lenet", overrides=nbcnn.Overrides(sets=("input.height=30",)))
    with pytest.raises(DataError, match=r"its images are 1×28×28 .* the network takes 1×30×28"):
        chosen_image(smaller, 0)
