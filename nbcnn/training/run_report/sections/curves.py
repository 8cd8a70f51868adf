"""Loss, accuracy and learning rate over the epochs, and all of the numbers."""

from __future__ import annotations

from math import isfinite

from nbcnn.report.line_chart import Line, line_chart
from nbcnn.report.page import Html, element, table, unfolded
from nbcnn.training.run_report.facts import RunFacts

LISTED = 200
"""Epochs in the table, the latest ones."""
_PARTS = ("train", "val", "test")


def content(facts: RunFacts) -> list[Html]:
    """Three charts, and a table of the epochs."""
    if not facts.records:
        return facts.lacking("metrics")
    rates = Line("lr", "train", _points(facts, "lr"))
    charts = [
        line_chart("Loss", _lines(facts, "loss"), _loss, facts.best, from_zero=True),
        line_chart("Accuracy", _lines(facts, "accuracy"), lambda value: f"{value:.1%}", facts.best),
    ]
    if any(value is not None for _, value in rates.points):
        charts.append(line_chart("Learning rate, of an epoch's last step", [rates], lambda value: f"{value:.3g}"))
    return [element("div", *charts, class_="charts"), unfolded("All epochs as numbers", *_numbers(facts))]


def _points(facts: RunFacts, column: str) -> list[tuple[float, float | None]]:
    found = []
    for record in facts.records:
        value = record.get(column)
        found.append((float(record["epoch"]), value if value is not None and isfinite(value) else None))
    return found


def _lines(facts: RunFacts, what: str) -> list[Line]:
    lines = [Line(part, part, _points(facts, f"{part}_{what}")) for part in _PARTS]
    return [line for line in lines if any(value is not None for _, value in line.points)]


def _loss(value: float) -> str:
    return f"{value:.3f}" if value == 0 or 0.001 <= abs(value) < 10_000 else f"{value:.2e}"


def _numbers(facts: RunFacts) -> list[Html]:
    parts = [part for part in _PARTS if any(r.get(f"{part}_loss") is not None for r in facts.records)]
    head = ["epoch", *(f"{part} {what}" for part in parts for what in ("loss", "accuracy")), "lr", "seconds"]
    rows = []
    for record in facts.records[-LISTED:]:
        cells = [f"{record['epoch']:,}"]
        for part in parts:
            cells += [_cell(record.get(f"{part}_loss"), "{:.4f}"), _cell(record.get(f"{part}_accuracy"), "{:.2%}")]
        rows.append([*cells, _cell(record.get("lr"), "{:.4g}"), _cell(record.get("seconds"), "{:.2f}")])
    made = [table(head, rows, numbers=len(head))]
    if len(facts.records) > LISTED:
        made.append(element("p", f"The latest {LISTED} of {len(facts.records):,} epochs; metrics.csv has all."))
    return made


def _cell(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)
