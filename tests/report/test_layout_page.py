"""The layout lab's picture, words and page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from browser import PHONE, SCREEN, browser
from PIL import Image

from nbcnn.report.layout_page import draw_layout, layout_page
from nbcnn.report.layout_result import Layout, LayoutLab, LayoutRun
from nbcnn.report.layout_words import head, legend, lesson, lines
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
    assert "moved by 4 pixels, the wrong one loses 65.0 points and the right one loses 5.1 points" in told
    assert "about every 4 rows of the picture" in told
    assert "Moved by more than 0, a picture loses pixels at its edge, in both layouts." in told


@pytest.mark.parametrize(
    ("accuracies", "shifted", "words"),
    [
        ((0.70, 0.69), (0.67, 0.39), "loses 3.0 points: accuracy alone did not tell of the mistake, the shift does"),
        ((0.90, 0.60), (0.88, 0.30), "loses 2.0 points: the shift tells of it"),
        ((0.77, 0.75), (0.48, 0.41), "that is no clear difference, so this network does not show the mistake"),
        ((0.77, 0.75), (0.60, 0.45), "the right one does not follow the shift either: a dense layer has other weights"),
        ((0.12, 0.11), (0.10, 0.10), "neither has learned anything (guessing has 10.0%), so the layouts can't be told"),
        ((0.12, 0.50), (0.10, 0.20), "the right one has learned nothing yet (guessing has 10.0%)"),
        ((0.80, 0.13), (0.70, 0.12), "with the wrong one this network learned nothing (guessing has 10.0%)"),
        ((0.80, 0.80), (0.81, 0.70), "the right one gains 1.0 points: accuracy alone"),
    ],
)
def test_the_lesson_is_what_the_numbers_say(
    accuracies: tuple[float, float], shifted: tuple[float, float], words: str
) -> None:
    layouts: tuple[Layout, Layout] = ("transposed", "reshaped")
    runs = [LayoutRun(name, 1, a, (s,), (1,)) for name, a, s in zip(layouts, accuracies, shifted, strict=True)]
    found = replace(lab(), runs=tuple(runs), shifts=(8,), margin=8, guess=0.1)
    assert words in lesson(found)
    assert head(found).endswith("da&ta, each in a colour of its own and with 8 black pixels around it")
    assert head(replace(found, tinted=False)).endswith("da&ta, with 8 black pixels around each")
    assert "loses pixels" not in legend(found)


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
