"""``nbcnn check``: advice on an architecture, with a remedy for each finding."""

from __future__ import annotations

import json
from typing import Any

import click

from nbcnn.cli._options import config_options, data_options, overrides, plugin_option
from nbcnn.cli._output import say


@click.command("check", short_help="Advice on an architecture, with remedies.")
@click.argument("model")
@click.option("--strict", is_flag=True, help="Exit with 1 where there is a finding.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@config_options
@plugin_option
@data_options
def command(model: str, strict: bool, as_json: bool, **options: Any) -> None:
    """Check the architecture of MODEL (a name, a YAML file or a run folder); nothing is trained or computed.

    Each finding has its number, its place in the file, and a remedy in YAML that was tried: it silences the finding.
    Rules about data need the training images, which are read where they are on this machine.
    """
    from nbcnn.introspect.check import check

    report = check(model, overrides=overrides(**options))
    if as_json:
        say(json.dumps(report.as_json()))
    else:
        _show(report)
    if strict and report.findings:
        click.get_current_context().exit(1)


def _show(report: Any) -> None:
    for finding in report.findings:
        layer = f" (layer {finding.layer})" if finding.layer else ""
        others = f" (and in {finding.others} more place{'s' * (finding.others > 1)})" if finding.others else ""
        say(f"{finding.where}: {finding.rule}{layer}: {finding.sentence}{others}")
        if finding.remedy is None:
            say("  no remedy of this rule fits the network as it is")
        else:
            of = ", of the network as nbcnn expand writes it" if finding.remedy.expanded else ""
            causes = " and ".join(finding.remedy.causes)
            then = f", after which see to {causes}" if causes else ""
            say(f"  remedy{of}{then}:")
            say("\n".join(f"    {line}" for line in finding.remedy.yaml.splitlines()))
        say(f"  why: {finding.link}")
    count = len(report.findings)
    words = "no findings" if count == 0 else f"{count} finding{'s' * (count > 1)}"
    say(f"{report.name}: {words} of {len(report.rules)} rules")
    if report.left_out:
        say(f"left out, for want of training images (--data NAME|FOLDER reads them): {', '.join(report.left_out)}")
