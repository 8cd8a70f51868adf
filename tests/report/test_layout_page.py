"""The layout lab's picture, words and page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from browser import PHONE, SCREEN, browser
from PIL import Image

from nbcnn.report.layout_page import draw_layout, layout_page
from nbcnn.report.layout_result import LayoutLab, LayoutRun
from nbcnn.report.layout_words import lines
from nbcnn.report.page import write_page


def lab() -> LayoutLab:
    picture = np.zeros((12, 12, 3), np.uint8)
    picture[3:9, 3:9] = 250, 120, 60
    seen = {"transposed": picture.transpose(2, 0, 1), "reshaped": picture.reshape(3, 12, 12)}
    right = LayoutRun("transposed", 0.96, 0.951, (0.95, 0.94, 0.9), (0.99, 0.98, 0.93))
    wrong = LayoutRun("reshaped", 0.92, 0.9, (0.7, 0.5, 0.25), (0.75, 0.55, 0.3))
    return LayoutLab("<b>net", "da&ta", True, 1, 5000, 1000, (1, 2, 4), (right, wrong), picture, seen)  # type: ignore[arg-type]


def test_the_words_say_what_was_measured() -> None:
    text = "\n".join(lines(lab()))
    assert "<b>net, trained twice for 1 epoch on 5,000 pictures of da&ta, each in a colour of its own" in text
    rows = [line.split() for line in text.splitlines()]
    assert ["transposed", "96.0%", "95.1%", "95.0%", "94.0%", "90.0%", "99.0%", "98.0%", "93.0%"] in rows
    assert ["reshaped", "92.0%", "90.0%", "70.0%", "50.0%", "25.0%", "75.0%", "55.0%", "30.0%"] in rows
    told = " ".join(text.split())
    assert "the wrong layout reached 90.0% where the right one has 95.1%" in told
    assert "moved by 4 pixels, it loses 65.0 points and the right one 5.1" in told
    assert "about every 4 rows of the picture" in told


def test_the_picture_shows_both_layouts(tmp_path: Path) -> None:
    found = lab()
    draw_layout(found.picture, found.seen, tmp_path / "layout.png")
    with Image.open(tmp_path / "layout.png") as picture:
        assert picture.size == (1080, 588)
        pixels = np.asarray(picture.convert("RGB"))
    assert (pixels[[0, -1]] == 255).all() and (pixels[:, [0, -1]] == 255).all()
    orange = (np.abs(pixels.astype(int) - (250, 120, 60)).max(axis=2) < 8).any(axis=0)
    assert orange[:540].any() and orange[540:].any()  # the picture itself, and its channels put together again


@pytest.mark.browser
def test_the_page_opens_without_errors_and_fits(tmp_path: Path) -> None:
    found = lab()
    write_page(tmp_path / "layout.html", layout_page(found))
    with browser() as chromium:
        for width in (PHONE, SCREEN):
            chromium.open(tmp_path / "layout.html", width)
            assert chromium.errors == []
            assert chromium.value("document.documentElement.scrollWidth") <= width
            assert chromium.value("[...document.images].map(one => one.naturalWidth)") == [132] * 9
            assert chromium.value("document.querySelector('header p').textContent").startswith("<b>net, trained twice")
