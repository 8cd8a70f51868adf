"""Small pictures of a page, by their pixels."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
from PIL import Image

from nbcnn.report.small_pictures import LARGEST, image, scale, signed


def pixels(html: str) -> np.ndarray:
    data = re.findall(r"base64,([^\"]*)\"", html)[0]
    with Image.open(io.BytesIO(base64.b64decode(data))) as found:
        return np.asarray(found)


def test_colours_are_around_zero() -> None:
    found = pixels(signed(np.array([[-2.0, -1.0, 0.0], [1.0, 2.0, np.nan]]), 2.0, "")).astype(int)
    assert found[0, 2].tolist() == [247] * 3 and found[1, 2].tolist() == [128] * 3
    assert (found[0, :2, 2] > found[0, :2, 0]).all() and (found[1, :2, 0] > found[1, :2, 2]).all()  # blue, red
    assert found[0, 0].sum() < found[0, 1].sum() and found[1, 1].sum() < found[1, 0].sum()  # darker


def test_numbers_beyond_all_bounds() -> None:
    assert scale(np.array([np.nan, -3.0, np.inf])) == 3 and scale(np.zeros(2)) == scale(np.array([np.nan])) == 1
    found = pixels(signed(np.array([[np.inf, 1e300, -1e300]]), 1.0, ""))
    assert found[0, 0].tolist() == [128] * 3 and found[0, 1, 0] > found[0, 1, 2]


def test_images_are_themselves() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (1, 5, 7), dtype=np.uint8)
    assert np.array_equal(pixels(image(grey, "")), grey[0])
    colour = np.random.default_rng(1).integers(0, 256, (3, 5, 7), dtype=np.uint8)
    assert np.array_equal(pixels(image(colour, "")), colour.transpose(1, 2, 0))


def test_large_ones_are_made_smaller() -> None:
    assert pixels(image(np.zeros((3, 200, 400), np.uint8), "")).shape == (LARGEST // 2, LARGEST, 3)
    assert max(pixels(signed(np.zeros((1000, 10)), 1.0, "")).shape) <= LARGEST
    assert 'width="84" height="42"' in image(np.zeros((3, 200, 400), np.uint8), "")


def test_words_are_escaped() -> None:
    assert '"onload' not in image(np.zeros((1, 2, 2), np.uint8), '"onload="')
