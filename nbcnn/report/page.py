"""Self-contained HTML pages: one file that requests nothing, light and dark, for a phone, a screen and paper.

A page is made of parts: ``section``, ``paragraph``, ``table``, ``picture``, ``code``, ``steps``. Text is escaped in one
place (util/html.py). The browser is told to load nothing (Content-Security-Policy), so a page is the same without a
network.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from pathlib import Path

from nbcnn.errors import CheckpointError
from nbcnn.report.page_style import SCRIPT, STYLE
from nbcnn.util.files import write_atomic
from nbcnn.util.html import Html, Part, element, html, joined

__all__ = [
    "Html", "Part", "code", "element", "grid", "html", "joined", "page", "paragraph", "picture", "section",
    "side_by_side", "steps", "table", "unfolded", "write_page",
]  # fmt: skip


def section(title: Part, *content: Part, id: str | None = None) -> Html:
    """A part of the page with a heading; ``id`` is what a link in the page leads to."""
    return element("section", element("h2", title), *content, id=id)


def paragraph(*content: Part) -> Html:
    """A paragraph."""
    return element("p", *content)


def code(text: str) -> Html:
    """Lines as they stand, in letters of one width."""
    return element("div", element("pre", text), class_="scroll", tabindex=0)


def table(head: Sequence[Part], rows: Iterable[Sequence[Part]], numbers: int = 0, step: int | None = None) -> Html:
    """A table; its last ``numbers`` columns stand on the right. A wide one scrolls for itself.

    ``step`` numbers the rows from there on as the steps of a slider.
    """
    first = len(head) - numbers

    def row(name: str, cells: Sequence[Part], number: int | None = None) -> Html:
        made = (element(name, cell, class_="number" if k >= first else None) for k, cell in enumerate(cells))
        return element("tr", *made, data_step=number)

    body = (row("td", cells, None if step is None else step + n) for n, cells in enumerate(rows))
    made = element("table", element("thead", row("th", head)), element("tbody", *body))
    return element("div", made, class_="scroll", tabindex=0)


def grid(
    rows: Sequence[Sequence[Part]],
    caption: Part,
    marked: Sequence[Sequence[str]] | None = None,
    steps: Sequence[Sequence[int | None]] | None = None,
) -> Html:
    """Numbers in rows and columns, as of an image.

    ``marked`` are the classes of cells (padding, window, dropped, or ""), ``steps`` which step of a slider is theirs.
    """
    cells = [
        [
            element(
                "td", cell, class_=marked[r][c] or None if marked else None, data_step=steps[r][c] if steps else None
            )
            for c, cell in enumerate(row)
        ]
        for r, row in enumerate(rows)
    ]
    made = element("table", *(element("tr", *row) for row in cells), class_="grid")
    return element("figure", element("div", made, class_="scroll", tabindex=0), element("figcaption", caption))


def picture(png: bytes, words: str, caption: Part = "") -> Html:
    """A PNG inside the page; ``words`` are for those who can't see it."""
    source = "data:image/png;base64," + b64encode(png).decode("ascii")
    image = Html(f'<img src="{source}" alt="{html(words)}">')
    return element("figure", image, *([element("figcaption", caption)] if caption else []))


def side_by_side(*parts: Part) -> Html:
    """Parts in a row, and below each other where the screen is too narrow."""
    return element("div", *parts, class_="row")


def unfolded(title: Part, *content: Part, opened: bool = False) -> Html:
    """Content below a title that shows and hides it."""
    start = Html("<details open>" if opened else "<details>")
    return joined(start, element("summary", title), *content, Html("</details>"))


def steps(count: int, label: str, *content: Part) -> Html:
    """A slider over steps 0 to ``count`` - 1, and what it moves through.

    Inside, an element with ``data_step`` n has the class ``now`` at step n and ``past`` after it; of elements in a
    ``readout`` only the present one shows; a ``group`` shows while one of its elements is the present one. Without
    script, and on paper, all of them show.
    """
    slider = Html(
        f'<input type="range" min="0" max="{count - 1}" value="0" step="1" aria-label="{html(label)}">'
        '<button type="button" aria-label="back">‹</button><button type="button" aria-label="on">›</button>'
        f"<output>{html(label)} 1 of {count}</output>"
    )
    bar = element("div", slider, class_="bar", data_label=label)
    return element("div", bar, *content, class_="steps")


def page(title: str, *content: Part, subtitle: Part = "") -> str:
    """A whole page as the text of a file."""
    head = joined(
        Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html('<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">'),
        Html(
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
            "style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">"
        ),
        Html('<link rel="icon" href="data:,">'),  # else a browser asks for one
        element("title", title),
        Html(f"<style>{STYLE}</style>"),
    )
    top = element("header", element("h1", title), *([element("p", subtitle)] if subtitle else []))
    body = joined(top, element("main", *content), Html(f"<script>{SCRIPT}</script>"))
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>{head}</head>\n<body>{body}</body>\n</html>\n'


def write_page(path: str | Path, text: str) -> None:
    """Write a page, whole or not at all; raises CheckpointError where it can't be written."""
    write_atomic(path, text.encode("utf-8"), CheckpointError)
