"""HTML tables, as notebooks show them: every text is escaped, colours and fonts are the notebook's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nbcnn.util.html import Html, element


def table(head: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> Html:
    """A table of texts; a column of numbers is on the right, as in ``1,000`` or ``3.2 %``."""
    lines = [[str(cell) for cell in row] for row in rows]
    sides = ["right" if all(_is_number(line[k]) for line in lines) else "left" for k in range(len(head))]

    def row(name: str, cells: Sequence[str]) -> Html:
        made = (element(name, cell, style=f"text-align:{side}") for cell, side in zip(cells, sides, strict=True))
        return element("tr", *made)

    words = element("caption", caption, style="text-align:left") if caption else ""
    body = element("tbody", *(row("td", line) for line in lines))
    return element("table", words, element("thead", row("th", head)), body)


def _is_number(text: str) -> bool:
    return not text or text.removeprefix("-")[:1].isdigit()
