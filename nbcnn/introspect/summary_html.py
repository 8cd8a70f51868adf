"""The summary of a network as an HTML table, which notebooks show."""

from __future__ import annotations

from nbcnn.introspect.summary import summarize
from nbcnn.layers import Layer
from nbcnn.util.html_table import table


def summary_html(name: str, root: Layer) -> str:
    """Layers with output shapes, parameters, multiply-adds, memory and receptive fields; the totals below."""
    found = summarize(root)
    rows: list[list[object]] = [
        [
            row.path,
            row.layer,
            _shape(row.out_shape),
            row.window,
            f"{row.parameters:,}" if row.parameters else "",
            f"{row.macs:,}" if row.macs else "",
            f"{row.activation_bytes:,}" if row.activation_bytes else "",
            "all" if row.field is None else _shape(row.field.size),
            row.backend or "",
        ]
        for row in found
    ]
    total = [sum(numbers) for numbers in zip(*((r.parameters, r.macs, r.activation_bytes) for r in found), strict=True)]
    rows.append(["", "total", "", "", *(f"{number:,}" for number in total or (0, 0, 0)), "", ""])
    head = ("#", "layer", "output", "window", "parameters", "MACs", "bytes", "field", "backend")
    return table(head, rows, f"{name}: input {_shape(root.in_shape)}")


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(str(n) for n in shape)
