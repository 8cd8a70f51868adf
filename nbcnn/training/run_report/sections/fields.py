"""Receptive fields: which square of the image one output of a layer depends on, with the arithmetic."""

from __future__ import annotations

from nbcnn.introspect.field_table import fields_in
from nbcnn.report.page import Html, paragraph, table
from nbcnn.training.run_report.facts import RunFacts
from nbcnn.training.run_report.sections.layers import folded

HEAD = ("#", "layer", "window", "size", "jump", "offset", "how it comes about, in rows")


def content(facts: RunFacts) -> list[Html]:
    """The table of ``nbcnn summary --receptive-field``."""
    if (network := facts.network) is None:
        return facts.lacking("network", "config")
    rows = fields_in(network.root)
    cells = [
        [row.path, row.layer, row.window, *(_pair(pair) for pair in (row.size, row.jump, row.offset)), row.formula]
        for row in rows
    ]
    words = (
        "Size is how many rows and columns of the image one output depends on, jump how many pixels the fields of "
        "neighbours are apart, offset where that of the first output begins; below 0 it begins in the padding."
    )
    return [paragraph(words), *folded(table(HEAD, cells), len(rows), "layers")]


def _pair(pair: tuple[float, float] | None) -> str:
    if pair is None:
        return "all"
    rows, columns = (f"{number:g}" for number in pair)
    return rows if rows == columns else f"{rows}×{columns}"
