"""The summary of a network as an HTML table, which notebooks show."""

from __future__ import annotations

from nbcnn.introspect.summary import summarize
from nbcnn.layers import Layer
from nbcnn.util.formatting import times
from nbcnn.util.html import Html
from nbcnn.util.html_table import table


def summary_html(name: str, root: Layer) -> Html:
    """Layers with output shapes, parameters, multiply-adds, memory and receptive fields; the totals below."""
    found = summarize(root)
    rows: list[list[object]] = [
        [
            row.path,
            row.layer,
            times(row.out_shape),
            row.window,
            f"{row.parameters:,}" if row.parameters else "",
            f"{row.macs:,}" if row.macs else "",
            f"{row.activation_bytes:,}" if row.activation_bytes else "",
            "all" if row.field is None else times(row.field.size),
            row.backend or "",
        ]
        for row in found
    ]
    total = [sum(numbers) for numbers in zip(*((r.parameters, r.macs, r.activation_bytes) for r in found), strict=True)]
    rows.append(["", "total", "", "", *(f"{number:,}" for number in total or (0, 0, 0)), "", ""])
    head = ("#", "layer", "output", "window", "parameters", "MACs", "bytes", "field", "backend")
    return table(head, rows, f"{name}: input {times(root.in_shape)}")
