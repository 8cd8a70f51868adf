"""The page and the pictures of a convolution's trace, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import PHONE, SCREEN, Browser, browser
from exhaustive import parametrize
from PIL import Image

from nbcnn.cli.explain._conv_text import lines
from nbcnn.introspect.trace.conv2d import ConvTrace, Placed, trace_pixel, trace_weight
from nbcnn.introspect.trace.example import explain_example
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.report import trace_page as pages
from nbcnn.report.grey_picture import grey_png
from nbcnn.report.page import write_page
from nbcnn.report.trace_page import trace_page
from nbcnn.report.trace_pictures import draw_trace
from nbcnn.report.trace_tile import tile_steps, tile_words
from nbcnn.report.trace_words import number, product

NASTY = "<img src=x onerror=alert(1)>"


def large(weight: bool = False) -> ConvTrace:
    """A layer of large images and several channels, with a name that would be markup."""
    p = Conv2dProblem(3, 4, 20, 18, (3, 3), padding=(1, 1, 1, 1))
    random = np.random.default_rng(0)
    x, w, b, dy = (random.normal(size=s).astype(np.float32) for s in (p.x_shape, p.w_shape, (4,), p.y_shape))
    placed = Placed(f"layer 0 of {NASTY}")
    return trace_weight(p, x, dy, (1, 2, 0, 1), placed) if weight else trace_pixel(p, x, w, b, (2, 0, 17), placed)


TRACES = {
    "book": explain_example,
    "all": lambda: explain_example(
        input_size=6, kernel_size=3, in_channels=2, out_channels=2, stride=2, padding=1, groups=2
    ),
    "winograd": lambda: explain_example(input_size=5, kernel_size=3, padding=1, in_channels=2),
    "large": large,
    "weight": lambda: explain_example(input_size=6, kernel_size=3, padding=1, weight=(0, 0, 0, 2)),
    "large weight": lambda: large(weight=True),
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as one:
        yield one


@pytest.mark.browser
@parametrize("name", list(TRACES), quick=["book", "large weight"])
def test_a_trace_can_be_stepped_through(chromium: Browser, tmp_path: Path, name: str) -> None:
    trace = TRACES[name]()
    write_page(tmp_path / "conv.html", trace_page(trace))
    for width in (PHONE, SCREEN):
        chromium.open(tmp_path / "conv.html", width, dark=width == PHONE)
        assert chromium.errors == []
        assert [one for one in chromium.requests if not one.startswith("data:")] == [(tmp_path / "conv.html").as_uri()]
        assert chromium.value("document.documentElement.scrollWidth") <= width
        assert chromium.value("[...document.images].every(one => one.naturalWidth > 0)")
    terms = trace.sum.terms
    step = max(n for n, term in enumerate(terms) if not term.padding)
    chromium.value(
        f"{{const i = document.querySelector('.bar input'); i.value = {step}; i.dispatchEvent(new Event('input'))}}"
    )
    line = chromium.value("document.querySelector('.readout > .now').textContent")
    assert f" = {product(terms[step].product)}; the sum is now {number(terms[step].sum)}" in line
    marked = chromium.value(
        "[...document.querySelectorAll('.grid td.now')].filter(x => x.offsetParent).map(x => x.textContent)"
    )
    if name != "large weight":
        assert sorted(marked) == sorted([number(terms[step].x), number(terms[step].factor)])
    row = chromium.value("document.querySelector('.long tr.now').textContent")
    assert row.endswith(product(terms[step].product) + number(terms[step].sum))
    assert chromium.errors == []


def test_names_are_escaped() -> None:
    text = trace_page(large())
    assert NASTY not in text and "&lt;img src=x onerror=alert(1)&gt;" in text


def test_a_page_says_how_many_terms_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MOST_STEPS", 10)
    text = trace_page(large())
    assert "The page has the first 10 terms; nbcnn explain conv prints all." in text
    assert len(set(re.findall(r'data-step="(\d+)"', text))) == 10


@parametrize("name", ["winograd", "large", "large weight"], quick=["winograd", "large weight"])
def test_each_way_that_can_do_it_has_a_picture(tmp_path: Path, name: str) -> None:
    files = draw_trace(TRACES[name](), tmp_path)
    ways = ["conv-1-direct.png", "conv-2-im2col.png", "conv-3-fft.png", "conv-4-winograd.png"]
    assert [file.name for file in files] == ways
    for file in files:
        with Image.open(file) as picture:
            two_rows = "weight" in name and "winograd" in file.name  # seven matrices
            assert picture.size == (1320, 940 if two_rows else 552)
            pixels = np.asarray(picture.convert("L"))
            edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
            assert (edge == 255).all() and (pixels < 128).any()


def test_a_gradients_tile_has_its_numbers_in_text_and_page() -> None:
    """A kernel of ones over a 6×6 image of ones: each gradient is the count of pixels that its tap meets."""
    trace = explain_example(x=np.ones((1, 6, 6), np.float32), kernel_size=3, padding=1, weight=(0, 0, 1, 2))
    said = (
        "over 9 tiles (3×3) of 2×2 pixels of dy: 4·4·9 = 144 multiplications for all 9 weights of the kernel, where "
        "the formula has 324; the tile shown, from row 0, column 0 on, has the largest part in the sum, 4 by the "
        "formula; this weight is at row 1, column 2 of the kernel; winograd_2x2 gives 30, exact"
    )
    assert said in tile_words(trace) and said in trace_page(trace).replace("\n", " ")
    text = list(lines(trace))
    first = text.index("  Gᵀ … G: the gradients of the kernel:")
    assert [line.split() for line in text[first + 1 : first + 4]] == [
        ["25", "30", "25"],
        ["30", "36", "30"],
        ["25", "30", "25"],
    ]
    assert (
        "  A e Aᵀ:" in text and "  products of all tiles, summed:" in text and not any("-0 " in line for line in text)
    )
    grids = re.findall(r"<figcaption>([^<]*)</figcaption>", trace_page(trace))
    assert grids[-7:] == [step.words for step in tile_steps(trace)]
    one = explain_example(input_size=4, kernel_size=3, weight=(0, 0, 0, 0))
    assert "over 1 tile (1×1) of 2×2 pixels of dy: 4·4·1 = 16 multiplications" in tile_words(one)
    assert "the tile shown" not in tile_words(one) and len(tile_steps(one)) == 6


def test_a_channel_is_drawn_with_its_window() -> None:
    import io

    channel = np.array([[0, 1], [np.nan, 2]])
    with Image.open(io.BytesIO(grey_png(channel))) as picture:
        assert picture.size == (224, 224)
        assert [picture.getpixel(at) for at in ((10, 10), (200, 10), (10, 200), (200, 200))] == [0, 127, 128, 255]
    with Image.open(io.BytesIO(grey_png(np.zeros((4, 4)), ((1, 1), (2, 2))))) as picture:
        assert picture.getpixel((57, 57)) == (230, 159, 0) and picture.getpixel((112, 112)) == (0, 0, 0)
