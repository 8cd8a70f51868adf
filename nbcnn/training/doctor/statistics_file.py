"""statistics.jsonl of a run folder: a row for each step at which the statistics of the layers were gathered.

It stands beside the metrics and nothing of a training depends on it. A row has ``epoch`` and ``step``; ``loss`` and
``accuracy`` of the step's batch; ``inputs``, mean and standard deviation of the scaled pixels, and ``scores``, the
lowest and highest of the network's outputs; ``layers``, by path, the numbers of layer_statistics.py and, of layers with
weights, the norms ``weight`` and ``gradient``, and ``update``, the length of the step as a share of the weight's. The
last row of a training that could not go on has ``stopped``, the reason, in their place.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nbcnn.errors import CheckpointError
from nbcnn.runs.run_folder import LARGEST_LOG, Run
from nbcnn.util.files import append_line, read_file, remove_file, write_atomic

NAME = "statistics.jsonl"
Statistics = dict[str, Any]


def path_in(run: Run) -> Path:
    """Where the rows of a run are."""
    return run.folder / NAME


def append(run: Run, row: Statistics) -> None:
    """Add a row; raises CheckpointError."""
    with run.writing():
        append_line(path_in(run), json.dumps(row, allow_nan=False), CheckpointError)


def read(run: Run) -> list[Statistics]:
    """All rows, in order; [] where there are none.

    A last line without its line feed was cut by a kill and is left out. Raises CheckpointError for any other that is no
    row.
    """
    path = path_in(run)
    if not path.exists():
        return []
    lines = read_file(path, LARGEST_LOG, CheckpointError).split(b"\n")[:-1]
    return [_row(path, number, line) for number, line in enumerate(lines, 1)]


def rewind(run: Run, step: int) -> None:
    """Drop the rows of steps after ``step``, which a resumed training makes again."""
    path = path_in(run)
    if not path.exists():
        return
    if not step:
        remove_file(path, CheckpointError)
        return
    kept = [row for row in read(run) if row["step"] <= step and "stopped" not in row]
    with run.writing():
        write_atomic(path, "".join(json.dumps(row) + "\n" for row in kept).encode(), CheckpointError)


def _row(path: Path, number: int, line: bytes) -> Statistics:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict) or not _is_row(row):
        raise CheckpointError(f"{path}:{number}: not a row of statistics; remove that line")
    return row


def _is_row(row: Statistics) -> bool:
    """Whether it has what a training writes, numbers where numbers are."""
    if not all(type(row.get(key)) is int and 0 <= row[key] < 2**53 for key in ("epoch", "step")):
        return False
    if "stopped" in row:
        return isinstance(row["stopped"], str)
    layers = row.get("layers")
    groups = [row.get("inputs"), row.get("scores"), *(layers.values() if isinstance(layers, dict) else [None])]
    if not all(isinstance(group, dict) for group in groups):
        return False
    numbers = [row.get("loss"), row.get("accuracy"), *(value for group in groups for value in (group or {}).values())]
    return all(number is None or (type(number) in (int, float) and abs(number) < 1e300) for number in numbers)
