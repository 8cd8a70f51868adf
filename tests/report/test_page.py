from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import PHONE, SCREEN, Browser, browser

from nbcnn.errors import CheckpointError
from nbcnn.report import page as p

NASTY = '<script>alert("x")</script> & \x1b[2J \u202e'
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360f8ffff3f0005fe02fea7d6059b0000000049454e44ae426082"
)
"""One pixel."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as one:
        yield one


def example() -> str:
    """A page with one of everything, and names that would be markup."""
    names = [[str(n) * 4 for n in range(12)] for _ in range(3)]
    at = [[3 * r + c if c < 3 else None for c in range(12)] for r in range(3)]
    window = [["window" if c < 3 else "padding" for c in range(12)] for _ in range(3)]
    readout = p.element("div", *(p.element("p", f"line {n}", data_step=n) for n in range(9)), class_="readout")
    groups = [p.element("div", f"group {n}", p.element("b", "x", data_step=n), class_="group") for n in range(9)]
    return p.page(
        NASTY,
        p.section(NASTY, p.paragraph(NASTY, p.element("code", NASTY)), p.code("long " * 60 + NASTY), id="first"),
        p.section("Numbers", p.table(("name", "number"), [(NASTY, "1.5"), ("b", "-22.25")], numbers=1)),
        p.section("Wide", p.table([f"column {n}" for n in range(20)], [[str(n) * 6 for n in range(20)]])),
        p.section("Steps", p.steps(9, "step", readout, *groups, p.side_by_side(p.grid(names, NASTY, window, at)))),
        p.section("Picture", p.picture(PNG, NASTY, "a pixel"), p.unfolded(NASTY, p.paragraph("inside"))),
        subtitle=NASTY,
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "example.html"
    p.write_page(path, example())
    return path


def test_text_is_escaped_wherever_it_stands() -> None:
    text = example()
    assert "<script>alert" not in text
    assert text.count("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; \\u001b[2J \\u202e") == 11
    assert p.html(p.html("<b>")) == "&lt;b&gt;"
    assert p.element("td", "a", title='"><b>', data_step=None) == '<td title="&quot;&gt;&lt;b&gt;">a</td>'


def test_a_page_names_no_address() -> None:
    """Nothing is fetched: no address at all stands in a page but data that is part of it."""
    text = example()
    assert not re.search(r"https?:|url\(|@import|[\"'(]//", text)
    assert {found.partition(":")[0] for found in re.findall(r'(?:src|href)="([^"]*)"', text)} == {"data"}
    assert "default-src 'none'" in text


def test_a_page_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=re.escape(str(tmp_path / "no" / "page.html"))):
        p.write_page(tmp_path / "no" / "page.html", example())


@pytest.mark.browser
@pytest.mark.parametrize("width", [PHONE, SCREEN])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_page_opens_without_errors_and_fits(chromium: Browser, file: Path, width: int, dark: bool) -> None:
    chromium.open(file, width, dark)
    assert chromium.errors == []
    assert [one for one in chromium.requests if not one.startswith("data:")] == [file.as_uri()]
    assert chromium.value("innerWidth") == width
    assert chromium.value("document.documentElement.scrollWidth") <= width
    assert chromium.value("document.title").startswith("<script>alert")
    colour = chromium.value("getComputedStyle(document.body).backgroundColor")
    assert colour == ("rgb(22, 24, 28)" if dark else "rgb(255, 255, 255)")


@pytest.mark.browser
def test_the_slider_moves_through_the_steps(chromium: Browser, file: Path) -> None:
    chromium.open(file)
    state = """({
        line: [...document.querySelectorAll('.readout > *')].filter(x => x.offsetParent).map(x => x.textContent),
        group: [...document.querySelectorAll('.group')].filter(x => x.offsetParent).map(x => x.textContent),
        cell: [...document.querySelectorAll('td.now')].map(x => x.textContent),
        past: document.querySelectorAll('td.past').length,
        said: document.querySelector('output').textContent})"""
    first = chromium.value(state)
    assert first == {"line": ["line 0"], "group": ["group 0x"], "cell": ["0000"], "past": 0, "said": "step 1 of 9"}
    chromium.value("document.querySelectorAll('.bar button')[1].click()")
    assert chromium.value(state)["said"] == "step 2 of 9"
    chromium.value("{const i = document.querySelector('.bar input'); i.value = 8; i.dispatchEvent(new Event('input'))}")
    last = chromium.value(state)
    assert last == {"line": ["line 8"], "group": ["group 8x"], "cell": ["2222"], "past": 8, "said": "step 9 of 9"}
    assert chromium.value("document.querySelectorAll('.bar button')[1].disabled")
    assert chromium.errors == []


@pytest.mark.browser
def test_without_script_and_on_paper_all_steps_show(chromium: Browser, file: Path) -> None:
    shown = "[...document.querySelectorAll('.readout > *, .group')].filter(x => x.offsetParent).length"
    bar = "document.querySelector('.bar').offsetParent === null"
    chromium.open(file, script=False)
    # No script runs in the page, so what it would do is asked from outside.
    assert (chromium.value(shown), chromium.value(bar)) == (18, True)
    chromium.open(file)
    chromium.paper()
    assert (chromium.value(shown), chromium.value(bar)) == (18, True)
    assert chromium.printed().startswith(b"%PDF")


@pytest.mark.browser
def test_a_console_error_and_a_request_are_seen(chromium: Browser, tmp_path: Path) -> None:
    """The browser's own test: what the tests of pages look for is found where it is."""
    bad = tmp_path / "bad.html"
    bad.write_text("<img src='missing.png'><script>console.error('no'); nothing.at.all</script>", encoding="utf-8")
    chromium.open(bad)
    assert any("no" in one for one in chromium.errors)
    assert any("nothing is not defined" in one for one in chromium.errors)
    assert (tmp_path / "missing.png").as_uri() in chromium.requests


@pytest.mark.browser
def test_a_page_may_load_nothing(chromium: Browser, tmp_path: Path) -> None:
    """Even if an address came into a page, the browser would load nothing from it."""
    page, png = tmp_path / "page.html", tmp_path / "other.png"
    png.write_bytes(PNG)
    p.write_page(page, p.page("x", p.Html("<img src='other.png'>"), p.picture(PNG, "a pixel")))
    chromium.open(page)
    assert chromium.value("[...document.images].map(one => one.naturalWidth)") == [0, 1]
    assert any("Content Security Policy" in one for one in chromium.errors)
