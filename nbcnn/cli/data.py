"""Data sets: which there are, what is in one, fetching one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nbcnn.data import Dataset, DataSource

DATA_DIR = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of data sets, looked at before NBCNN_DATA_DIR and the cache, and fetched to.",
)


@click.group("data")
def command() -> None:
    """Data sets: which there are, what is in one, fetching one."""


@command.command("list")
@DATA_DIR
def list_data(data_dir: Path | None) -> None:
    """List the named data sets and where they are on this machine."""
    from rich.table import Table

    from nbcnn.data import data_source, dataset_names

    table = Table("name", "title", "images", "where", box=None, pad_edge=False)
    for name in dataset_names():
        source = data_source(name)
        images = " + ".join(f"{count:,}" for count in source.counts)
        table.add_row(name, source.title, images, _where(source, data_dir))
    _print(table)


@command.command("info")
@click.argument("what", metavar="NAME|FOLDER")
@DATA_DIR
@click.option("--size", nargs=2, type=click.IntRange(min=1), metavar="H W", help="Resize a folder's images.")
@click.option("--grayscale", is_flag=True, help="Make a folder's images grey.")
def info(what: str, data_dir: Path | None, size: tuple[int, int] | None, grayscale: bool) -> None:
    """Show what is in a named data set or in a folder: splits, shape, classes, pixel statistics.

    A folder called like a data set is written ./NAME.
    """
    from nbcnn.data import data_source, dataset_names, load_folder
    from nbcnn.errors import DataError, nearest

    if what in dataset_names():
        if size or grayscale:
            raise DataError(f"--size and --grayscale are for a folder of images; the data set {what} has its own")
        source = data_source(what)
        if source.locate(data_dir) is None:
            raise DataError(f"{what} is not on this machine; fetch it with: nbcnn data fetch {what}")
        _show(source.load(data_dir), source)
    elif Path(what).exists():
        _show(load_folder(Path(what), size, grayscale), None)
    else:
        raise DataError(f"{what} is neither a folder nor a named data set: {nearest(what, dataset_names())}")


@command.command("fetch")
@click.argument("name")
@DATA_DIR
def fetch(name: str, data_dir: Path | None) -> None:
    """Fetch a named data set, unless this machine has it, and say where it is."""
    from nbcnn.data import data_source

    click.echo(f"{name} is in {data_source(name).fetch(data_dir)}")


def _where(source: DataSource, data_dir: Path | None) -> str:
    if source.embedded:
        return "embedded"
    folder = source.locate(data_dir)
    return str(folder) if folder else f"not here: nbcnn data fetch {source.name}"


def _show(dataset: Dataset, source: DataSource | None) -> None:
    import numpy as np
    from rich.table import Table

    facts = Table(show_header=False, box=None, pad_edge=False)
    facts.add_row("name", dataset.name)
    if source:
        facts.add_row("title", source.title)
        facts.add_row("description", source.description)
    facts.add_row("source", dataset.source)
    if source:
        facts.add_row("licence", source.licence)
    facts.add_row("images", f"{len(dataset.train):,} for training, {len(dataset.test):,} for testing")
    facts.add_row("shape", " x ".join(str(size) for size in dataset.shape) + " (channels x height x width)")
    means, deviations = dataset.train.pixel_statistics()
    facts.add_row("mean", _numbers(means) + " (training pixels in 0..1, by channel)")
    facts.add_row("std", _numbers(deviations))
    classes = Table("label", "class", "training", "test", box=None, pad_edge=False)
    counts = [np.bincount(split.labels, minlength=len(dataset.classes)) for split in (dataset.train, dataset.test)]
    for label, name in enumerate(dataset.classes):
        classes.add_row(str(label), name, f"{counts[0][label]:,}", f"{counts[1][label]:,}")
    _print(facts, "", classes)


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:.4f}" for value in values)


def _print(*parts: object) -> None:
    """Print tables and lines: as wide as they are if not to a terminal, so that a pipe gets whole paths."""
    from rich.console import Console

    # No markup: a folder or class may well be called [b].
    console = Console(markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = 1000
    for part in parts:
        console.print(part)
