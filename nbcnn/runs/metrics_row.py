"""The record of an epoch: its columns in metrics.jsonl and metrics.csv."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from nbcnn.util.html import Html
from nbcnn.util.html_table import table

Record = dict[str, Any]

COLUMNS = (
    "epoch", "step", "train_loss", "train_accuracy", "test_loss", "test_accuracy",
    "seconds", "images_per_second", "val_loss", "val_accuracy", "lr", "grad_norm",
)  # fmt: skip
"""The columns of an epoch's record. Accuracies are shares (0 to 1); ``seconds`` is the time of the epoch's training.
Those of validation images are null where the data have none. ``lr`` is the learning rate of the epoch's last step,
``grad_norm`` the mean norm of its gradients before they were clipped, null where they are not."""


def is_record(record: Mapping[str, Any]) -> bool:
    """Whether every column that is there holds a number or null, and the epoch is a whole one of this world."""
    values = [record.get(column) for column in COLUMNS]
    known = all(value is None or (isinstance(value, (int, float)) and abs(value) < 1e300) for value in values)
    epoch = record.get("epoch")
    return known and isinstance(epoch, int) and abs(epoch) < 2**53


def plain(value: Any) -> Any:
    """A metric as Python's number; None for one that isn't finite, which JSON has no word for."""
    number = value.item() if hasattr(value, "item") else value
    return None if isinstance(number, float) and not math.isfinite(number) else number


def csv_line(row: Mapping[str, Any]) -> str:
    """A line of metrics.csv; null is an empty cell."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(["" if row[c] is None else row[c] for c in COLUMNS])
    return line.getvalue()


def as_html(folder: str, records: Sequence[Record]) -> Html:
    """A table of losses and accuracies, a row for each epoch."""
    parts = [
        part for part in ("train", "val", "test") if any(record.get(f"{part}_loss") is not None for record in records)
    ]
    head = ["epoch", *(f"{part} {what}" for part in parts for what in ("loss", "accuracy")), "images/s"]
    rows = [
        [
            record["epoch"],
            *(cell for part in parts for cell in (_cell(record, part, "loss"), _cell(record, part, "accuracy"))),
            f"{record.get('images_per_second') or 0:,.0f}",
        ]
        for record in records
    ]
    return table(head, rows, f"run {folder}")


def _cell(record: Record, part: str, what: str) -> str:
    value = record.get(f"{part}_{what}")
    return "" if value is None else f"{100 * value:.1f} %" if what == "accuracy" else f"{value:.4f}"
