"""The metric that reduce_on_plateau and early stopping watch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Metric = Literal["loss", "accuracy"]


def judged(record: Mapping[str, Any], metric: Metric) -> float | None:
    """An epoch's metric on the validation images, else on the test images; None where it has neither."""
    value = record.get(f"val_{metric}")
    found = record.get(f"test_{metric}") if value is None else value
    return None if found is None else float(found)
