"""List plugins: the loaded ones with what they register, the installed ones, files that could be loaded."""

from __future__ import annotations

from pathlib import Path

import click

from nbcnn.cli._options import plugin_option


@click.command("list", short_help="Loaded and installed plugins.")
@plugin_option
def command() -> None:
    """List the plugins that --plugin and NBCNN_PLUGINS load, and those of installed packages, which load by name."""
    from nbcnn.errors import shown
    from nbcnn.plugins import installed_plugins, loaded_plugins

    loaded, installed = loaded_plugins(), installed_plugins()
    click.echo("loaded:" if loaded else "loaded: none")
    for plugin in loaded:
        click.echo(f"  {plugin.name}  {plugin.package or shown(plugin.file)}")
        for kind, name in plugin.things:
            click.echo(f"      {kind}: {name}")
    click.echo("installed, to be loaded by name:" if installed else "installed: none")
    for one in installed:
        click.echo(f"  {one.name}  {one.package}: {one.module}")
    files = sorted(Path("plugins").glob("*.py")) if Path("plugins").is_dir() else []
    if files:
        click.echo("files in plugins/, to be loaded by path:")
    for file in files:
        click.echo(f"  {file}")
