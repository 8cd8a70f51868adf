"""Options that all inspect commands share: the run to look at, the images, the picture to write."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nbcnn.cli._options import config_options, data_options, overrides, plugin_option
from nbcnn.cli._output import say

if TYPE_CHECKING:
    from nbcnn.training.example_images import ExampleImages
    from nbcnn.training.model import Model

F = TypeVar("F", bound=Callable[..., Any])

_RUN = (
    click.argument("run", metavar="RUN"),
    click.option("--last", "which", flag_value="last", help="The latest checkpoint instead of the best one."),
    click.option("--weights", metavar="FILE", help="A safetensors file to take the weights from instead."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
    config_options,
    plugin_option,
)
image_option = click.option(
    "--image", "chosen", multiple=True, metavar="N|FILE", help="A test image by its number from 0, or a picture's file."
)


def run_options(name: str, data: bool = True) -> Callable[[F], F]:
    """RUN and the options of the inspect command of this name; with ``data`` those of the data set too."""
    out = click.option("--out", metavar="PNG", help=f"The picture to write. [default: RUN/{name}.png]")

    def give(function: F) -> F:
        for option in reversed((*_RUN, out, *([data_options] if data else []))):
            function = option(function)
        return function

    return give


def load_run(run: str, which: str | None, weights: str | None, **options: Any) -> Model:
    """The network of RUN; raises CheckpointError for one that has no weights."""
    from nbcnn.training.loading import load, trained

    source = run if weights is not None else trained(run).folder
    return load(source, weights=weights, which="last" if which else "best", overrides=overrides(**options))


def picture_path(run: str, out: str | None, name: str) -> Path:
    """``--out``, else RUN/name.png, or ./RUN-name.png where RUN is a model. Raises ConfigError for what is no PNG."""
    from nbcnn.errors import ConfigError
    from nbcnn.training.loading import is_run
    from nbcnn.util.user_folders import expanded

    if out is not None:
        if not out.lower().endswith(".png"):
            raise ConfigError(f"--out {out}: the picture is a PNG; give it a name that ends in .png")
        return expanded(out)
    folder = expanded(run)
    return folder / f"{name}.png" if is_run(run) else Path(f"{folder.stem}-{name}.png")


def say_images(images: ExampleImages) -> None:
    """What was done to pictures before the network saw them."""
    from nbcnn.cli._tables import wrapped
    from nbcnn.errors import printable

    for name, steps in zip(images.names, images.steps, strict=True):
        if steps:
            say(wrapped(f"{printable(name)}: {'; '.join(steps)}"))


def say_written(paths: Iterable[Path]) -> None:
    """Name the files that were written."""
    from nbcnn.errors import shown

    for path in paths:
        say(f"written to {shown(path)}")
