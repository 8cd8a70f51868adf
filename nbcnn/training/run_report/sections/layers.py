"""The network: its layers with shapes, parameters, multiply-adds and receptive fields."""

from __future__ import annotations

from nbcnn.introspect.summary import Row, summarize
from nbcnn.report.page import Html, element, paragraph, table, unfolded
from nbcnn.training.run_report.facts import RunFacts
from nbcnn.util.formatting import times

SHORT = 40
"""Layers of a table that is shown at once; a longer one is unfolded."""
HEAD = ("#", "layer", "output", "window", "field", "backend", "parameters", "MACs", "bytes")


def content(facts: RunFacts) -> list[Html]:
    """The table of ``nbcnn summary``."""
    if (network := facts.network) is None:
        return facts.lacking("network", "config")
    rows = summarize(network.root)
    total = [sum(row.parameters for row in rows), sum(row.macs for row in rows), sum(r.activation_bytes for r in rows)]
    words = (
        f"{network.config.name} takes images {times(network.in_shape)} and gives {times(network.out_shape)}. It has "
        f"{total[0]:,} parameters, {total[1]:,} multiply-adds (MACs) and {total[2]:,} bytes of activations for one "
        "image, forward."
    )
    return [paragraph(words), *folded(table(HEAD, map(_cells, rows), numbers=3), len(rows), "layers")]


def folded(content: Html, rows: int, what: str) -> list[Html]:
    """A table as it is, or to be unfolded if it is long."""
    return [content] if rows <= SHORT else [unfolded(f"All {rows} {what}", content)]


def _cells(row: Row) -> list[str | Html]:
    field = "all" if row.field is None else times(row.field.size)
    counts = [f"{n:,}" if n else "" for n in (row.parameters, row.macs, row.activation_bytes)]
    name = element("b", row.layer) if row.parameters else row.layer
    return [row.path, name, times(row.out_shape), row.window, field, row.backend or "", *counts]
