"""HTML tables, as notebooks show them: every text is escaped, colours and fonts are the notebook's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def table(head: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> str:
    """A table of texts; a column of numbers is on the right, as in ``1,000`` or ``3.2 %``."""
    lines = [[str(cell) for cell in row] for row in rows]
    right = [all(_is_number(line[k]) for line in lines) for k in range(len(head))]
    top = "".join(_cell("th", name, on_right) for name, on_right in zip(head, right, strict=True))
    body = "".join(
        "<tr>" + "".join(_cell("td", text, on_right) for text, on_right in zip(line, right, strict=True)) + "</tr>"
        for line in lines
    )
    words = f'<caption style="text-align:left">{escape(caption)}</caption>' if caption else ""
    return f"<table>{words}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def paragraph(text: str) -> str:
    """A line of text."""
    return f"<p>{escape(text)}</p>"


def _cell(tag: str, text: str, on_right: bool) -> str:
    return f'<{tag} style="text-align:{"right" if on_right else "left"}">{escape(text)}</{tag}>'


def _is_number(text: str) -> bool:
    return not text or text.removeprefix("-")[:1].isdigit()
