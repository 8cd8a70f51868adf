"""The run folder: one training's config, metrics, checkpoints and plots, each under a fixed name.

| file | holds |
|---|---|
| config.yaml | the whole config, every default spelled out |
| run.json | how, when and on what the run was made |
| metrics.jsonl, metrics.csv | one record an epoch, the same columns in both |
| best.safetensors, last.safetensors | weights of the best and of the latest epoch |
| state.safetensors | all that going on needs (training/state.py), of the latest epoch or step that was saved |
| last.json | its position, for people to read |
| test.json | the best checkpoint's result on the test images, if they were kept for the end |
| curves.png, confusion.png, samples.png | the plots |
| report.html | all of it on one page (training/run_report) |
| statistics.jsonl | numbers of each layer at some steps (training/doctor/statistics_file.py), for nbcnn doctor |
| augmented.png | some training images as the first epochs met them, if they were augmented |
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nbcnn.errors import CheckpointError
from nbcnn.runs.checkpoint import save_tensors
from nbcnn.runs.folder_lock import FolderLock
from nbcnn.runs.metrics_row import COLUMNS, Record, as_html, csv_line, is_record, plain
from nbcnn.util.files import append_line, claim_folder, read_file, remove_file, remove_spares, write_atomic
from nbcnn.util.formatting import counted
from nbcnn.util.suggestions import closest, nearest
from nbcnn.util.user_folders import expanded

if TYPE_CHECKING:
    import numpy as np

Kind = Literal["last", "best"]

LARGEST_LOG = 1 << 28
"""Bytes of metrics.jsonl: a million epochs."""

_WHAT = "a run folder is one that nbcnn train made, with a config.yaml in it"


class Run:
    """A run folder. Use ``Run.create`` for a new one and ``Run.open`` for one that is there."""

    def __init__(self, folder: str | PathLike[str]) -> None:
        self.folder = expanded(folder)
        self._held: FolderLock | None = None
        self.config = self.folder / "config.yaml"
        self.info = self.folder / "run.json"
        self.metrics_jsonl = self.folder / "metrics.jsonl"
        self.metrics_csv = self.folder / "metrics.csv"
        self.curves = self.folder / "curves.png"
        self.confusion = self.folder / "confusion.png"
        self.samples = self.folder / "samples.png"
        self.report = self.folder / "report.html"
        self.augmented = self.folder / "augmented.png"
        self.state = self.folder / "state.safetensors"
        self.position = self.folder / "last.json"
        self.test = self.folder / "test.json"

    def __repr__(self) -> str:
        return f"<Run {self.folder}>"

    def __fspath__(self) -> str:
        """The folder, so that a run stands wherever a path can."""
        return str(self.folder)

    __str__ = __fspath__

    def _repr_html_(self) -> str:
        """In a notebook: the folder, and a row for each epoch."""
        return as_html(str(self.folder), self.metrics())

    @classmethod
    def create(cls, out: str | Path | None, name: str) -> Run:
        """Make a new run folder: ``out``, or the next free ``runs/<name>-<k>``.

        A folder that exists is never used. Raises CheckpointError when ``out`` exists or can't be made.
        """
        run = cls(claim_folder(out, "runs", name, CheckpointError))
        run.hold()
        return run

    @classmethod
    def open(cls, folder: str | PathLike[str]) -> Run:
        """The run in ``folder``; raises CheckpointError when there is no run in it."""
        run = cls(folder)
        if not run.folder.exists():
            raise CheckpointError(f"{folder}: no such run folder; {_others(run.folder)}")
        if not run.folder.is_dir():
            raise CheckpointError(f"{folder} is a file, not a run folder; {_WHAT}")
        if not run.config.is_file():
            raise CheckpointError(f"{folder} is not a run folder: it has no config.yaml; {_inside(run.folder)}")
        return run

    def hold(self) -> None:
        """Keep others from training in this folder, and drop what a killed training left half written.

        From now on nothing is written where config, run.json or state are not the ones that this training knows. Raises
        CheckpointError where another process, or another training of this one, holds it.
        """
        self._held = FolderLock(self.folder, CheckpointError)
        for path in (self.config, self.info, self.state):
            self._held.own(path)
        remove_spares(self.folder)

    def release(self) -> None:
        """Others may train in it again; so they may when this process ends, however it does."""
        if self._held is not None:
            self._held.close()
        self._held = None

    def check(self) -> None:
        """Raise CheckpointError where the folder that is held, or a file that tells whose it is, is another one now."""
        if self._held is not None:
            self._held.check()

    def write_config(self, text: str) -> None:
        """Write config.yaml."""
        self._write(self.config, text.encode())

    def write_info(self, info: Mapping[str, Any]) -> None:
        """Write run.json."""
        self.write_json(self.info, info)

    def log_epoch(self, record: Mapping[str, Any]) -> None:
        """Append one epoch to metrics.jsonl and metrics.csv.

        ``record`` has the keys of COLUMNS; those that are absent, and numbers that are not finite, become null and an
        empty cell. Raises CheckpointError for another key, or when a file can't be written.
        """
        if unknown := set(record) - set(COLUMNS):
            raise CheckpointError(f"metrics have no column {min(unknown)}: {nearest(min(unknown), COLUMNS)}")
        row = {column: plain(record.get(column)) for column in COLUMNS}
        with self.writing():
            append_line(self.metrics_jsonl, json.dumps(row, allow_nan=False), CheckpointError)
            if not self.metrics_csv.exists():
                append_line(self.metrics_csv, ",".join(COLUMNS), CheckpointError)
            append_line(self.metrics_csv, csv_line(row), CheckpointError)

    def metrics(self) -> list[Record]:
        """All epochs so far, in order; [] before the first.

        A last line without its line feed was cut by a kill and is left out. Raises CheckpointError for any other that
        is no record.
        """
        if not self.metrics_jsonl.exists():
            return []
        lines = read_file(self.metrics_jsonl, LARGEST_LOG, CheckpointError).split(b"\n")[:-1]
        return [self._record(number, line) for number, line in enumerate(lines, 1)]

    def rewind(self, epoch: int) -> None:
        """Drop the metrics of epochs after ``epoch``, which a resumed training logs again, and the test's result."""
        rows = [{c: row.get(c) for c in COLUMNS} for row in self.metrics() if row["epoch"] <= epoch]
        table = "".join(line + "\n" for line in [",".join(COLUMNS), *map(csv_line, rows)])
        self._write(self.metrics_jsonl, "".join(json.dumps(r) + "\n" for r in rows).encode())
        self._write(self.metrics_csv, table.encode())
        remove_file(self.test, CheckpointError)

    def save(self, kind: Kind, weights: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
        """Write best.safetensors or last.safetensors."""
        with self.writing():
            save_tensors(self.folder / f"{kind}.safetensors", weights, metadata)

    def weights_path(self, which: Kind = "best") -> Path:
        """The path of best.safetensors or last.safetensors.

        The other one is never taken in its place: raises CheckpointError that says whether it is there.
        """
        path = self.folder / f"{which}.safetensors"
        if path.is_file():
            return path
        other = "last" if which == "best" else "best"
        if (self.folder / f"{other}.safetensors").is_file():
            raise CheckpointError(
                f"{self.folder} has no {which}.safetensors; it has {other}.safetensors: ask for that, with "
                f"which={other!r} in Python or {'--last' if other == 'last' else 'no --last'} on the command line"
            )
        raise CheckpointError(
            f"{self.folder} has no weights yet: no epoch of its training has ended; go on with it: "
            f"nbcnn train --resume {self.folder}"
        )

    def write_json(self, path: Path, content: Mapping[str, Any]) -> None:
        """Write one of its JSON files."""
        self._write(path, (json.dumps(content, indent=2, default=_jsonable) + "\n").encode())

    @contextmanager
    def writing(self) -> Iterator[None]:
        """While inside, a vanished folder has an error of its own; another one in its place raises before."""
        self.check()
        try:
            yield
        except CheckpointError as error:
            missing = isinstance(error.__cause__, FileNotFoundError)  # it may be on its way out
            if self.folder.is_dir() and not missing:
                raise
            raise self.gone() from None

    def gone(self) -> CheckpointError:
        """The error for a folder that was removed."""
        return CheckpointError(
            f"{self.folder} is gone: it was removed or renamed while it was trained in; nothing more can be saved"
        )

    def _write(self, path: Path, content: bytes) -> None:
        with self.writing():
            write_atomic(path, content, CheckpointError)
        self.wrote(path)

    def wrote(self, path: Path) -> None:
        """Know a file again, which was just written."""
        if self._held is not None and path in (self.config, self.info, self.state):
            self._held.own(path)

    def _record(self, number: int, line: bytes) -> Record:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict) or not is_record(record):
            raise CheckpointError(f"{self.metrics_jsonl}:{number}: not a record of an epoch; remove that line")
        return record


def _inside(folder: Path) -> str:
    """The runs in a folder that is none itself, as that of several seeds."""
    runs = sorted(path.parent.name for path in folder.glob("*/config.yaml"))
    return f"it holds {counted(len(runs), 'run')}: name one, as {folder / runs[0]}" if runs else _WHAT


def _others(folder: Path) -> str:
    """The runs beside a folder that is not there."""
    parent = folder.parent
    runs = [p.name for p in parent.iterdir() if (p / "config.yaml").is_file()] if parent.is_dir() else []
    if not 0 < len(runs) <= 12:
        return _WHAT
    match, listed = closest(folder.name, runs), f"known: {', '.join(str(parent / name) for name in sorted(runs))}"
    return f"did you mean {parent / match}? ({listed})" if match else listed


def _jsonable(value: Any) -> Any:
    """Conversion of values that json.dumps can't write: NumPy's to numbers and lists, paths and the rest to text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
