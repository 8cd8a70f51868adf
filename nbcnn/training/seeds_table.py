"""The results of trainings from several seeds: a row for each, mean and standard deviation, as JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from nbcnn.errors import CheckpointError
from nbcnn.runs.metrics_row import Record
from nbcnn.runs.run_folder import Run
from nbcnn.training.final_test import read_result
from nbcnn.util.files import read_file, write_atomic
from nbcnn.util.html_table import table

LARGEST = 1 << 20
"""Bytes of a seeds.json: some 300 for each seed."""

NUMBERS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "test_loss", "test_accuracy", "seconds")
"""The columns that have a mean and a standard deviation."""
COLUMNS = ("seed", "folder", "epochs", "checkpoint", "epoch", *NUMBERS)


@dataclass
class SeedRuns:
    """Trainings of one config from the seeds ``first``, ``first`` + 1, …, each in a run folder inside ``folder``.

    ``rows`` has a mapping of COLUMNS for each that is finished, in the order of seeds: ``epochs`` is how many the
    config asks for, the numbers are those of the ``checkpoint`` of ``epoch``: the best one where validation images
    chose it, else the last, for the best of several test accuracies would be too good. ``seconds`` are of all epochs.
    """

    folder: Path
    first: int
    count: int
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def seeds(self) -> list[int]:
        """All seeds, trained or not yet."""
        return list(range(self.first, self.first + self.count))

    @property
    def json(self) -> Path:
        """The file with all rows, means and standard deviations."""
        return self.folder / "seeds.json"

    @property
    def csv(self) -> Path:
        """The file with all rows."""
        return self.folder / "seeds.csv"

    @property
    def config(self) -> Path:
        """The config that all have in common; its seed is the first."""
        return self.folder / "seeds.yaml"

    def _repr_html_(self) -> str:
        """In a notebook: a row for each seed, and the mean and standard deviation."""
        rows = [
            [row[column] if column not in NUMBERS else _number(row[column]) for column in COLUMNS] for row in self.rows
        ]
        for words, of in (("mean", self.mean), ("standard deviation", self.standard_deviation)):
            rows.append([words, *(_number(of(column)) if column in NUMBERS else "" for column in COLUMNS[1:])])
        return table(COLUMNS, rows, str(self.folder))

    def run_folder(self, seed: int) -> Path:
        """The run folder of a seed."""
        return self.folder / f"seed-{seed}"

    def mean(self, column: str) -> float | None:
        """The mean of a column of NUMBERS; None where a row has no number there."""
        values = self._values(column)
        return fmean(values) if values else None

    def standard_deviation(self, column: str) -> float | None:
        """The standard deviation of the sample, with n - 1; None for fewer than 2 rows, or where one has no number."""
        values = self._values(column)
        return stdev(values) if len(values) > 1 else None

    def _values(self, column: str) -> list[float]:
        values = [row[column] for row in self.rows]
        return [] if any(value is None for value in values) else values

    def add(self, row: dict[str, Any]) -> None:
        """Take a finished training's row, and write both files."""
        self.rows = sorted([*(r for r in self.rows if r["seed"] != row["seed"]), row], key=lambda row: int(row["seed"]))
        self.write()

    def write(self) -> None:
        """Write seeds.json and seeds.csv; raises CheckpointError."""
        content = {
            "first": self.first,
            "seeds": self.count,
            "runs": self.rows,
            "mean": {column: self.mean(column) for column in NUMBERS},
            "standard_deviation": {column: self.standard_deviation(column) for column in NUMBERS},
        }
        table = io.StringIO()
        writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomic(self.json, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode(), CheckpointError)
        write_atomic(self.csv, table.getvalue().encode(), CheckpointError)

    @classmethod
    def read(cls, folder: Path) -> SeedRuns:
        """What was written in ``folder``; raises CheckpointError where that is nothing, or not by nbcnn."""
        found = cls(folder, 0, 0)
        try:
            content = json.loads(read_file(found.json, LARGEST, CheckpointError))
            found.first, found.count, found.rows = content["first"], content["seeds"], content["runs"]
            whole = [found.first, found.count, *(row[key] for row in found.rows for key in ("seed", "epochs", "epoch"))]
            known = [row[column] for row in found.rows for column in NUMBERS]
            named = all(row.keys() == set(COLUMNS) for row in found.rows)
            numbers = all(type(n) is int for n in whole) and all(n is None or _is_number(n) for n in known)
            if named and numbers and found.first >= 0 and found.count >= 2:
                return found
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            pass
        raise CheckpointError(f"{found.json} is no table of trainings from several seeds; restore it or train anew")


def is_seeds(folder: str | PathLike[str]) -> bool:
    """Whether ``train_seeds`` made the folder."""
    return (Path(folder) / "seeds.json").is_file()


def row_of(run: Run, seed: int, epochs: int) -> dict[str, Any]:
    """The row of a finished training; raises CheckpointError where its metrics are lost."""
    records, result = run.metrics(), read_result(run)
    if not records:
        raise CheckpointError(f"{run.metrics_jsonl} holds no epoch, so seed {seed} has no result; train it anew")
    chosen, best = records[-1], result is not None or records[-1].get("val_accuracy") is not None
    if best:
        judged = [r for r in records if r.get("val_accuracy") is not None]
        chosen = min(judged, key=_rank, default=chosen)
    if result is not None:
        chosen = next((r for r in records if r["epoch"] == result.epoch), chosen)
        chosen = chosen | {"test_loss": result.loss, "test_accuracy": result.accuracy}
    row = {"seed": seed, "folder": run.folder.name, "epochs": epochs, "checkpoint": "best" if best else "last"}
    seconds = sum(record.get("seconds") or 0.0 for record in records)
    return row | {"epoch": chosen["epoch"]} | {key: chosen.get(key) for key in NUMBERS} | {"seconds": seconds}


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _rank(record: Record) -> tuple[float, float]:
    loss = record.get("val_loss")
    return -record["val_accuracy"], math.inf if loss is None else loss


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
