"""The output folder of a sweep: ``sweep.json``, a plot per axis, and for a network ``sweep.csv``."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from nbcnn.bench.scaling import Growth
from nbcnn.bench.scaling_plots import draw_growth
from nbcnn.bench.sweep import Sweep
from nbcnn.bench.sweep_plots import draw_sweep
from nbcnn.errors import CheckpointError
from nbcnn.report.figure import attempted
from nbcnn.util.files import claim_folder, write_atomic


def new_folder(out: str | None) -> Path:
    """Make ``out``, or the next free ``bench-<k>``; a folder that exists is never used. Raises CheckpointError."""
    return claim_folder(out, ".", "bench", CheckpointError)


@contextmanager
def unused_removed(folder: Path) -> Iterator[None]:
    """A failure inside leaves no empty folder behind."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            folder.rmdir()
        raise


COLUMNS = ("axis", "at", "measure", "contender", "images_per_second", "seconds_per_image", "ratio")
"""The columns of sweep.csv; the ratio is nbcnn's speed by this contender's, in each round, then their median."""


def save_growths(folder: Path, record: dict[str, Any], growths: Sequence[Growth]) -> list[Path]:
    """Write all results of a scaled network; returns the files. Raises CheckpointError where one can't be written."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(line for growth in growths for line in _lines(growth))
    pictures = {growth.axis.name: partial(draw_growth, growth) for growth in growths if growth.points}
    return _save(folder, record, {"sweep.csv": text.getvalue()}, pictures)


def _lines(growth: Growth) -> Iterator[list[Any]]:
    for point in growth.points:
        for measure, row in point.rows.items():
            for contender in row.samples:
                rate, lead = row.median(contender), row.lead(contender)
                yield [growth.axis.name, point.at, measure, contender, f"{rate:.6g}", f"{1 / rate:.6g}", f"{lead:.4g}"]


def save_sweeps(folder: Path, record: dict[str, Any], sweeps: Sequence[Sweep], threads: int) -> list[Path]:
    """Write all of it; returns the files. Raises CheckpointError where one can't be written."""
    return _save(folder, record, {}, {each.axis.name: partial(draw_sweep, each, threads=threads) for each in sweeps})


def _save(
    folder: Path, record: dict[str, Any], tables: Mapping[str, str], pictures: Mapping[str, Callable[[Path], None]]
) -> list[Path]:
    texts = {"sweep.json": json.dumps(record, indent=1) + "\n", **tables}
    for name, text in texts.items():
        write_atomic(folder / name, text.encode(), CheckpointError)
    files = {folder / f"{name}.png": draw for name, draw in pictures.items()}
    for file, draw in files.items():
        with attempted(file):
            draw(file)
    return [file for file in (*(folder / name for name in texts), *files) if file.exists()]
