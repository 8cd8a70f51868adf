"""Data sets: which there are, what is in one, fetching one."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

import click

from nbcnn.cli._options import plugin_option
from nbcnn.cli._output import say
from nbcnn.util.formatting import counted
from nbcnn.util.user_folders import expanded

if TYPE_CHECKING:
    from nbcnn.data import Dataset, DataSource

WRAP = 66  # with the names of the facts before it, a line has at most 80 columns


def _folder(context: click.Context, option: click.Parameter, text: str | None) -> Path | None:
    """The folder that is meant, with the home folder for ``~``."""
    if text is None:
        return None
    if not text:
        raise click.BadParameter("expected a folder, got nothing")
    return expanded(text)


DATA_DIR = click.option(
    "--data-dir",
    callback=_folder,
    metavar="FOLDER",
    help="Folder of data sets, looked at before NBCNN_DATA_DIR and the cache, and fetched to.",
)


@click.group("data")
def command() -> None:
    """Data sets: which there are, what is in one, fetching one."""


@command.command("list")
@DATA_DIR
@plugin_option
def list_data(data_dir: Path | None) -> None:
    """List the named data sets and where they are on this machine."""
    from nbcnn.data import data_source, dataset_names

    rows = [("name", "title", "images", "where")]
    for name in dataset_names():
        source = data_source(name)
        images = " + ".join(f"{count:,}" for count in source.counts)
        rows.append((name, source.title, images, _where(source, data_dir)))
    _print(rows)


@command.command("info")
@click.argument("what", metavar="NAME|FOLDER")
@DATA_DIR
@click.option("--size", nargs=2, type=click.IntRange(min=1), metavar="H W", help="Resize a folder's images.")
@click.option("--grayscale", is_flag=True, help="Make a folder's images grey.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@plugin_option
def info(what: str, data_dir: Path | None, size: tuple[int, int] | None, grayscale: bool, as_json: bool) -> None:
    """Show what is in a named data set or in a folder: splits, shape, classes, pixel statistics.

    Of a folder's pictures it says what was done to how many.

    A folder called like a data set is written ./NAME.
    """
    from nbcnn.data import data_source, dataset_names, load_folder
    from nbcnn.errors import DataError
    from nbcnn.plugins import remedy as hint

    show = _show_json if as_json else _show
    if what in dataset_names():
        if size or grayscale:
            raise DataError(f"--size and --grayscale are for a folder of images; the data set {what} has its own")
        source = data_source(what)
        if source.locate(data_dir) is None:
            raise DataError(f"{what} is not on this machine; fetch it with: nbcnn data fetch {what}")
        show(source.load(data_dir), source)
    elif os.path.lexists(expanded(what)):
        remedy = "make them alike with --size H W (height and width), which is data.size in a config"
        show(load_folder(expanded(what), size, grayscale, remedy), None)
    else:
        raise DataError(f"{what} is neither a folder nor a named data set: {hint(what, dataset_names())}")


@command.command("fetch")
@click.argument("name")
@DATA_DIR
@plugin_option
def fetch(name: str, data_dir: Path | None) -> None:
    """Fetch a named data set, unless this machine has it, and say where it is."""
    from nbcnn.data import data_source

    say(f"{name} is in {data_source(name).fetch(data_dir)}")


def _where(source: DataSource, data_dir: Path | None) -> str:
    if source.embedded:
        return "embedded"
    folder = source.locate(data_dir)
    return str(folder) if folder else f"not here: nbcnn data fetch {source.name}"


def _show(dataset: Dataset, source: DataSource | None) -> None:
    import numpy as np

    from nbcnn.data import find_duplicates

    facts = [("name", dataset.name)]
    if source:
        facts += [("title", source.title), *_wrapped("description", source.description)]
    facts.append(("source", dataset.source))
    if source:
        facts.append(("licence", source.licence))
    held = "" if dataset.validation is None else f"{len(dataset.validation):,} for validation, "
    facts.append(("images", f"{len(dataset.train):,} for training, {held}{len(dataset.test):,} for testing"))
    for note in dataset.notes:
        facts += _wrapped("", note)
    facts.append(("shape", " x ".join(str(size) for size in dataset.shape) + " (channels x height x width)"))
    facts += _wrapped("pictures", "; ".join(dataset.done))
    means, deviations = dataset.train.pixel_statistics()
    facts += _wrapped("mean", _numbers(means) + " (training pixels in 0..1, by channel)")
    facts += _wrapped("std", _numbers(deviations))
    found = find_duplicates(dataset)
    if found.copies:
        many = f"{counted(found.copies, 'image')} {'is' if found.copies == 1 else 'are'}"
        facts += _wrapped("duplicates", f"{many} the same as another one before, pixel by pixel")
    for sentence in found.sentences:
        facts += _wrapped("warning", sentence)
    classes = [("label", "class", *dataset.splits)]
    counts = [np.bincount(split.labels, minlength=len(dataset.classes)) for split in dataset.splits.values()]
    for label, name in enumerate(dataset.classes):
        classes.append((str(label), name, *(f"{count[label]:,}" for count in counts)))
    _print(facts)
    say()
    _print(classes)


def _show_json(dataset: Dataset, source: DataSource | None) -> None:
    import numpy as np

    from nbcnn.data import find_duplicates

    means, deviations = dataset.train.pixel_statistics()
    parts = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    splits = {key: part for key, part in parts.items() if part is not None}
    counts = {key: np.bincount(part.labels, minlength=len(dataset.classes)) for key, part in splits.items()}
    found = find_duplicates(dataset)
    facts = {
        "name": dataset.name,
        "source": dataset.source,
        "images": {key: len(part) for key, part in splits.items()},
        "notes": dataset.notes,
        "shape": dataset.shape,
        "pictures": dataset.done,
        "white_level": dataset.white_level,
        "mean": means,
        "std": deviations,
        "duplicates": found.copies,
        "warnings": found.sentences,
        "classes": [
            {"name": name, **{key: int(count[label]) for key, count in counts.items()}}
            for label, name in enumerate(dataset.classes)
        ],
    }
    if source:
        facts |= {"title": source.title, "description": source.description, "licence": source.licence}
    say(json.dumps(facts))


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:.4f}" for value in values)


def _wrapped(name: str, text: str) -> list[tuple[str, str]]:
    """A fact on lines that fit on a terminal; only the first has the name."""
    return [("" if k else name, line) for k, line in enumerate(wrap(text, WRAP, break_on_hyphens=False))]


def _print(rows: Sequence[tuple[str, ...]]) -> None:
    """Print columns, the last one as long as it is: paths stand there, and a path cut off is of no use."""
    from rich.cells import cell_len  # the letters of some languages are two columns wide

    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)]
        say("  ".join(cells).rstrip())
