"""``nbcnn plugin list``: loaded plugins with what they register, installed plugins, files that could be loaded."""

from __future__ import annotations

from pathlib import Path

import click

from nbcnn.cli._options import plugin_option
from nbcnn.cli._output import say


@click.command("list", short_help="Loaded and installed plugins.")
@plugin_option
def command() -> None:
    """List the plugins that --plugin and NBCNN_PLUGINS load, and those of installed packages, which load by name."""
    from nbcnn.errors import shown
    from nbcnn.plugins import installed_plugins, loaded_plugins

    loaded, installed = loaded_plugins(), installed_plugins()
    say("loaded:" if loaded else "loaded: none")
    for plugin in loaded:
        say(f"  {plugin.name}  {plugin.package or shown(plugin.file)}")
        for kind, name in plugin.things:
            say(f"      {kind}: {name}")
    say("installed, to be loaded by name:" if installed else "installed: none")
    for one in installed:
        say(f"  {one.name}  {one.package}: {one.module}")
    files = sorted(Path("plugins").glob("*.py")) if Path("plugins").is_dir() else []
    if files:
        say("files in plugins/, to be loaded by path:")
    for file in files:
        say(f"  {file}")
