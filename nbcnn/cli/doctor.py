"""``nbcnn doctor``: what went wrong in a training, with the number that shows it and one change that mends it."""

from __future__ import annotations

import json
from shlex import quote

import click

from nbcnn.cli._options import plugin_option
from nbcnn.cli._output import say


@click.command("doctor", short_help="What went wrong in a training, and one change that mends it.")
@click.argument("run", metavar="RUN")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@plugin_option
def command(run: str, as_json: bool) -> None:
    """Look for what went wrong in the training in RUN, a run folder, or what holds it back.

    Each finding has the number that shows it, its cause, and a change: options for nbcnn train, or what to change about
    the images or labels. Nothing is trained and nothing is written.
    """
    from nbcnn.cli._compiling import compiling_is_told
    from nbcnn.cli._display import with_plugins
    from nbcnn.cli._tables import wrapped
    from nbcnn.errors import printable
    from nbcnn.runs.run_folder import Run
    from nbcnn.training.doctor.doctor import doctor
    from nbcnn.util.formatting import counted

    with compiling_is_told():
        found = doctor(run)
    if as_json:
        say(json.dumps(found.as_json()))
        return
    say(f"{printable(run)}: {counted(found.epochs, 'epoch')}, statistics of {counted(found.looks, 'step')}")
    for sentence in found.missing:
        say(wrapped(sentence))
    for finding in found.findings:
        say()
        say(wrapped(f"{finding.rule.replace('_', ' ')}: {finding.sentence}"))
        if finding.sets:
            say(f"  {with_plugins(f'train {quote(str(Run(run).config))} {finding.options}')}")
    if not found.findings:
        say("nothing is wrong with it, as far as the rules can tell")
