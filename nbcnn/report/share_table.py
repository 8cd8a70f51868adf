"""A confusion matrix as an HTML table: the darker a cell, the larger its share of the row."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING

from nbcnn.report.page import Html, element

if TYPE_CHECKING:
    import numpy as np

MOST = 30
"""Classes that a table has room for."""
STRONGEST = 0.6
"""Opacity of the ground where a cell has all of its row."""


def share_table(counts: np.ndarray, rows: Sequence[str], columns: Sequence[str]) -> Html:
    """Counts (R, C) with the names of rows and columns; names of columns stand upright."""
    head = element("tr", element("th", "true class"), *(element("th", element("span", name)) for name in columns))
    body = []
    for name, line in zip(rows, counts.tolist(), strict=True):
        whole = max(1, sum(line))
        cells = (
            element("td", f"{count:,}", style=_ground(count / whole), title=f"{count / whole:.1%} of {name}: {guess}")
            if count
            else element("td", "·", class_="faint")
            for count, guess in zip(line, columns, strict=True)
        )
        body.append(element("tr", element("th", name, scope="row"), *cells))
    table = element("table", element("thead", head), element("tbody", *body), class_="shares")
    return element("div", table, class_="scroll", tabindex=0)


def _ground(share: float) -> str:
    """The root spreads the small shares, which are the mistakes that one looks for."""
    return f"background:rgba(0,114,178,{STRONGEST * sqrt(share):.3f})"
