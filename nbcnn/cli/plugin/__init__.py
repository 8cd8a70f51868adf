"""``nbcnn plugin``: new plugins from templates, and a list of plugins."""

from __future__ import annotations

import click

from nbcnn.cli._command_group import Verbs


@click.group("plugin", cls=Verbs, package=__name__, short_help="Begin a plugin; list loaded and installed ones.")
def command() -> None:
    """Plugins: backends, layers, optimizers, schedules and data sets of your own, one Python file each.

    They are loaded with --plugin, by the variable NBCNN_PLUGINS or by nbcnn.load_plugin, and in no other way.
    """
