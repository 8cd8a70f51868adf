"""Click groups whose commands are the files of a package."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import click

from nbcnn.cli._option_hints import unknown_command


class Verbs(click.Group):
    """A click group over a package: each file is a command, imported when that command is called."""

    def __init__(self, *args: Any, package: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.package = package

    def list_commands(self, ctx: click.Context) -> list[str]:
        folders = importlib.import_module(self.package).__path__
        return sorted(module.name for module in pkgutil.iter_modules(folders) if not module.name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"{self.package}.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest verb for an unknown one."""
        if args and not args[0].startswith("-") and args[0] not in self.list_commands(ctx):
            ctx.fail(f"There is no command {args[0]!r}; {unknown_command(args[0], self.list_commands(ctx))}.")
        return super().resolve_command(ctx, args)
