"""Plugins: Python files of the user's own that register backends, layers, optimizers, schedules or data sets.

A plugin is loaded because the person said so (on the command line, in the environment, from Python), never because a
YAML file, a checkpoint or a run folder names it, and never because it is installed or lies somewhere.
"""

from nbcnn.plugins.hints import near, remedy
from nbcnn.plugins.loading import Plugin, load_environment, load_plugin, loaded_plugins, unload_plugin
from nbcnn.plugins.plugin_errors import blamed
from nbcnn.plugins.plugin_paths import Installed, installed_plugins

__all__ = [
    "Installed",
    "Plugin",
    "blamed",
    "installed_plugins",
    "load_environment",
    "load_plugin",
    "loaded_plugins",
    "near",
    "remedy",
    "unload_plugin",
]
