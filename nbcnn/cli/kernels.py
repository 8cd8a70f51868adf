"""List the ops and the backends that can compute each."""

from __future__ import annotations

import click


@click.command("kernels", short_help="Which ops there are, and which backends each has.")
def command() -> None:
    """List ops and backends, one line each; * marks what is used when nothing else is said."""
    from nbcnn.kernels.registry import DEFAULT, backend_names, describe, op_names

    click.echo("choose with backends: {conv2d: fft} in YAML, backend: fft on a layer, or --backend conv2d=fft\n")
    for op in op_names():
        for name in backend_names(op):
            mark = "*" if name == DEFAULT else " "
            click.echo(f"{op:<14} {mark} {name:<8} {describe(op, name)}")
