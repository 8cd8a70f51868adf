"""``nbcnn kernels check``: the conformance suite on chosen backends."""

from __future__ import annotations

import json
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from nbcnn.cli._options import plugin_option
from nbcnn.cli._output import say
from nbcnn.cli._tables import WIDEST, plain_table, show

if TYPE_CHECKING:
    from nbcnn.conformance import Report
    from nbcnn.conformance.checks import Progress

EVERY = 10.0
"""Seconds between two lines of progress, where there is no terminal."""


@click.command("check", short_help="Hold backends against the contract: numbers, gradients, memory, threads.")
@click.argument("what", required=False, metavar="[BACKEND|OP|PLUGIN.py]")
@click.option("--op", metavar="OP", help="Of what is named, the backends of this op alone.")
@click.option("--quick", is_flag=True, help="A sample of the problems instead of all combinations.")
@click.option("--dtype", type=click.Choice(["float32", "float64"]), help="One precision instead of both.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the numbers.")
@click.option(
    "--threads",
    type=click.IntRange(2, 1024),
    default=4,
    show_default=True,
    help="How many threads call kernels at once; 2 or more, for races are looked for.",
)
@click.option(
    "--patience",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="How long a call of a kernel may take, with compiling. [default: NBCNN_PATIENCE, else 100]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@plugin_option
@click.pass_context
def command(
    context: click.Context,
    what: str | None,
    op: str | None,
    quick: bool,
    dtype: str | None,
    seed: int,
    threads: int,
    patience: float | None,
    as_json: bool,
) -> None:
    """Check a backend by name (direct, or conv2d=direct), all of an op, those of a plugin's file, or every known one.

    The exit code is 1 if anything failed.
    """
    from nbcnn.cli.kernels._exercise import led
    from nbcnn.conformance import Options, check_backends
    from nbcnn.conformance.options import DTYPES
    from nbcnn.conformance.selection import chosen

    options = Options(quick, seed, threads, (dtype,) if dtype else DTYPES, call=patience)
    pairs = chosen(what, op)
    open_ones = [found for pair in pairs if (found := led(*pair, patience, as_json))]
    pairs = [pair for pair in pairs if pair not in [(one["op"], one["name"]) for one in open_ones]]
    if open_ones and not pairs:
        if as_json:
            say(json.dumps({"exercises": open_ones}))
        context.exit(1)
    with _progress() as progress:
        reports = check_backends(pairs, options, progress)
    passed, failed = sum(report.passed for report in reports), sum(report.failed for report in reports)
    refused = sum(sum(report.refused.values()) for report in reports)
    if as_json:
        more = {"exercises": open_ones} if open_ones else {}
        totals = {"passed": passed, "refused": refused, "failed": failed, "seed": seed, "quick": quick}
        say(json.dumps({"backends": [report.as_mapping() for report in reports], **totals, **more}))
    else:
        for report in reports:
            _show(report)
        many = "backend" if len(reports) == 1 else "backends"
        say(f"{passed:,} checks of {len(reports)} {many} passed, {refused:,} refused with a reason, {failed:,} failed")
    context.exit(1 if failed or open_ones else 0)


def _show(report: Report) -> None:
    """One backend: its table, what it refused, what failed."""

    from nbcnn.conformance.failure_patterns import patterns
    from nbcnn.conformance.report import CHECKS

    exact = f"states a tolerance of up to {report.tolerance:.2g}" if report.tolerance else "has to be exact"
    if not report.problems:
        exact = "refuses all of them" if report.refused else "the grid was left out"
    say(f"{report.op}={report.name}: {report.problems:,} problems, {exact}")
    table = plain_table(["  check"], ("passed", "failed", "worst error", "seconds"))
    for check in CHECKS:
        tally = report.tallies.get(check)
        if tally and tally.passed + tally.failed:
            worst = "" if tally.worst is None else f"{tally.worst:.2g} of bound"
            table.add_row(f"  {check}", f"{tally.passed:,}", f"{tally.failed:,}", worst, f"{tally.seconds:.1f}")
    show(table)
    if report.left_out:
        _say(f"left out {report.left_out:,} combinations in which the kernel does not fit into the padded image")
    for reason, count in sorted(report.refused.items(), key=lambda item: -item[1]):
        _say(f"refused {count:,}: {reason}")
    for failure in report.failures:
        _say(f"FAILED {failure}")
    for sentence in patterns(report.seen):
        _say(sentence)
    more = report.failed - len(report.failures)
    if more:
        _say(f"and {more:,} more failures of these kinds")
    if report.failures:
        _say(f"in {report.file}")
    for note in report.notes:
        _say(f"note: {note}")
    say()


def _say(sentence: str) -> None:
    say(textwrap.fill(sentence, WIDEST, initial_indent="  ", subsequent_indent="      ", break_on_hyphens=False))


class Lines:
    """Progress in lines on standard error."""

    def __init__(self) -> None:
        self._phase, self._since = "", 0.0

    def __call__(self, phase: str, done: int, of: int) -> None:
        """As check_backends calls it."""
        if phase != self._phase or time.monotonic() - self._since > EVERY:
            say(f"checking {phase}" + (f", {done:,} of {of:,}" if phase == self._phase else ""), err=True)
            self._phase, self._since = phase, time.monotonic()


@contextmanager
def _progress() -> Iterator[Progress]:
    """A bar on a terminal; elsewhere a line when something else begins, and after EVERY seconds, on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield Lines()
        return
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("checking", total=1)
        yield lambda phase, done, of: bar.update(task, description=phase, completed=done, total=of)
