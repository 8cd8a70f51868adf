"""The folder that a sweep leaves: ``sweep.json`` and a picture for each axis."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

from nbcnn.bench.pictures import draw_sweep
from nbcnn.bench.sweep import Sweep
from nbcnn.errors import CheckpointError
from nbcnn.files import make_folder, sentence, write_atomic


def new_folder(out: str | None) -> Path:
    """Make ``out``, or the next free ``bench-<k>``; a folder that exists is never used. Raises CheckpointError."""
    if out is None:
        return next(path for k in count(1) if _claim(path := Path(f"bench-{k}")))
    make_folder(Path(out).parent, CheckpointError)
    if not _claim(Path(out)):
        raise CheckpointError(f"{out} exists already and is never overwritten; choose another --out")
    return Path(out)


def save_sweeps(folder: Path, record: dict[str, Any], sweeps: Sequence[Sweep], threads: int) -> list[Path]:
    """Write all of it; returns the files. Raises CheckpointError where one can't be written."""
    files = [folder / "sweep.json"]
    write_atomic(files[0], (json.dumps(record, indent=1) + "\n").encode(), CheckpointError)
    for sweep in sweeps:
        files.append(folder / f"{sweep.axis.name}.png")
        draw_sweep(sweep, files[-1], threads)
    return files


def _claim(folder: Path) -> bool:
    """Make the folder; False when something of that name is there already."""
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    except OSError as fault:
        raise CheckpointError(sentence("make the folder", folder, fault)) from fault
    return True
