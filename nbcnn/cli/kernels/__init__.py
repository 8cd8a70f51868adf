"""``nbcnn kernels``: a list of ops and backends; its subcommands check and explain them."""

from __future__ import annotations

import click

from nbcnn.cli._command_group import Verbs
from nbcnn.cli._options import plugin_option
from nbcnn.cli._output import say


@click.group(
    "kernels",
    cls=Verbs,
    package=__name__,
    invoke_without_command=True,
    short_help="Which backends there are; check them, have a choice explained.",
)
@plugin_option
@click.pass_context
def command(context: click.Context) -> None:
    """List ops and backends, one line each; * marks what is used when nothing else is said."""
    if context.invoked_subcommand is not None:
        return
    from nbcnn.errors import shown
    from nbcnn.kernels.registry import DEFAULT, backend_names, describe, file_of, op_names

    say("choose with backends: {conv2d: fft} in YAML, backend: fft on a layer, or --backend conv2d=fft\n")
    longest = max(map(len, op_names()))
    width = max(len(name) for op in op_names() for name in backend_names(op))
    for op in op_names():
        for name in backend_names(op):
            mark, file = "*" if name == DEFAULT else " ", file_of(op, name)
            say(f"{op:<{longest}} {mark} {name:<{width}} {describe(op, name)}{f' ({shown(file)})' if file else ''}")
