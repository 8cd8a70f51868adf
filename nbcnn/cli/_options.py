"""Options shared by several commands, and their conversion to config overrides."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from nbcnn.config import Overrides

F = TypeVar("F", bound=Callable[..., Any])

PLUGINS = "nbcnn.plugins"
"""Where click's context keeps what was typed after --plugin, for commands that are suggested."""


def _options(*options: Callable[[F], F]) -> Callable[[F], F]:
    """A decorator that gives a command these options, in this order."""

    def give(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return give


# --set alone is for commands whose --backend is something else.
set_option = click.option(
    "--set", "sets", multiple=True, metavar="KEY=VALUE", help="Override any key, as in train.batch_size=128"
)
config_options = _options(
    set_option,
    click.option("--backend", "backends", multiple=True, metavar="OP=NAME", help="Kernel backend of an op: conv2d=fft"),
)
data_options = _options(
    click.option(
        "--data", metavar="NAME|FOLDER", help="Data set by name, or a folder of IDX files or of class folders."
    ),
    click.option("--data-dir", metavar="FOLDER", help="Where named data sets are looked for first, and fetched to."),
)
train_options = _options(
    click.option("--epochs", type=click.IntRange(min=1), help="Passes over the training images."),
    click.option("--batch-size", type=click.IntRange(min=1), help="Images between two steps of the optimizer."),
    click.option("--seed", type=click.IntRange(min=0), help="Seed of initialisation and shuffling."),
)
threads_option = click.option(
    "--threads", type=click.IntRange(min=1), help="Threads; results are the same bits for any."
)


def _load_plugins(context: click.Context, parameter: click.Parameter, plugins: tuple[str, ...]) -> None:
    context.meta[PLUGINS] = plugins
    if context.resilient_parsing or not (plugins or os.environ.get("NBCNN_PLUGINS")):
        return
    from nbcnn.cli._compiling import compiling_is_told
    from nbcnn.plugins import load_environment, load_plugin

    with compiling_is_told():
        load_environment()
        for plugin in plugins:
            load_plugin(plugin)


plugin_option = click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="FILE|NAME",
    is_eager=True,  # what it registers may be named by the other options
    expose_value=False,
    callback=_load_plugins,
    help="Load a plugin first: a Python file, or the name of an installed one. [also: NBCNN_PLUGINS]",
)


def overrides(**options: Any) -> Overrides:
    """Overrides from what click gives."""
    from nbcnn.config import Overrides

    for many in ("sets", "backends"):
        options[many] = tuple(options.get(many) or ())
    return Overrides(**options)
