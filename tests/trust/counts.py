"""What the trust tests count, and how the counts get into docs/reliability.md."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

KINDS = {
    "thread matrix cells": "trainings whose weights had the same SHA-256 as the same training on another number of threads",
    "kills survived": "trainings killed at a random moment, resumed, and ended with the bits of an uninterrupted one",
    "failed writes survived": "trainings in which one write, sync, rename or opening of a file failed, resumed to the same bits",
    "resumes to the bit": "trainings stopped by Ctrl-C or SIGTERM, at the first, some or the last step, and resumed to the same bits",
    "inputs fuzzed": "generated YAML files, IDX files, image folders, checkpoints and run folders: nbcnn's own errors only",
    "attacks refused": "attacks that are known from other libraries, each tried and refused",
    "wrong numbers located": "NaN, infinity or overflow planted in a layer, and named with layer and direction",
    "caches spoilt": "damaged, foreign, read-only or missing kernel caches beside which training went on",
    "epochs watched": "epochs of long trainings with memory, threads and open files watched",
    "trainings side by side": "trainings that ran at once, in processes or threads, and kept their bits",
}
"""Each kind of count, and what one of it is."""


def table(counts: dict[str, int]) -> str:
    """The counts in Markdown."""
    rows = [f"| {kind} | {counts.get(kind, 0):,} | {meaning} |" for kind, meaning in KINDS.items()]
    return "\n".join(["| count | number | one of it is |", "|---|---|---|", *rows])


def write_table(path: Path, form: str, counts: dict[str, int], tests: int, seconds: float) -> None:
    """Put the counts of the ``form`` (short or long) in its place in the document."""
    from nbcnn import __version__

    head = (
        f"{tests} tests in {seconds:,.0f} s with nbcnn {__version__}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors:"
    )
    place = re.compile(rf"(<!-- {form} -->\n).*?(<!-- end of {form} -->)", re.DOTALL)
    text = path.read_text(encoding="utf-8")
    assert place.search(text), f"{path} has no place for the {form} form"
    path.write_text(place.sub(lambda m: f"{m[1]}\n{head}\n\n{table(counts)}\n\n{m[2]}", text), encoding="utf-8")
