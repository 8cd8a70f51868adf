"""``nbcnn report``: one page about a run, made anew from its folder."""

from __future__ import annotations

import json

import click

from nbcnn.cli._options import plugin_option
from nbcnn.cli._output import say


@click.command("report", short_help="One page about a run: result, network, cost, findings.")
@click.argument("run", metavar="RUN")
@click.option("--out", metavar="HTML", help="The page to write. [default: RUN/report.html]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@plugin_option
def command(run: str, out: str | None, as_json: bool) -> None:
    """Write a page about the training in RUN, a run folder: one HTML file that needs no network.

    It has the result, curves, confusion, wrong guesses, the network with its filters and feature maps, backends and
    their cost, the doctor's findings, and how to make the run again. nbcnn train writes it at its end; this makes it
    anew. What can't be read any more is named with its reason. Nothing is trained.
    """
    from nbcnn.cli._compiling import compiling_is_told
    from nbcnn.cli._tables import wrapped
    from nbcnn.errors import printable, shown
    from nbcnn.training.run_report.report import write_report

    with compiling_is_told():
        made = write_report(run, out)
    if as_json:
        say(json.dumps({"run": run, "file": str(made.file), "missing": made.missing}))
        return
    for part, reason in made.missing.items():
        say(wrapped(f"without {part}: {printable(reason)}"))
    say(f"written to {shown(made.file)}")
