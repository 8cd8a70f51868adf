"""The driver of the whole suite: each case's data and oracle are made once for all backends.

What reads or writes out of its arrays can spoil anything, this process included: that is looked for first, elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable

from nbcnn.compiler.host import compiler
from nbcnn.conformance.checks import Progress, check_here, report_of
from nbcnn.conformance.options import Options
from nbcnn.conformance.out_of_bounds import check_bounds
from nbcnn.conformance.plugin_process import check_plugins
from nbcnn.conformance.report import Report
from nbcnn.util import activity


def check_backend(op: str, name: str, options: Options | None = None, progress: Progress | None = None) -> Report:
    """Check one backend against the whole contract; raises KernelError for an unknown one."""
    return check_backends([(op, name)], options, progress)[0]


def check_backends(
    which: Iterable[tuple[str, str]], options: Options | None = None, progress: Progress | None = None
) -> list[Report]:
    """Check several backends, as pairs of op and name; ``progress(what, done, of)`` is called as cases are done."""
    options, tell = options or Options(), progress or (lambda what, done, of: None)
    reports = [report_of(op, name) for op, name in which]
    inside = reports
    if options.bounds:
        seconds = options.call or activity.patience()
        if compiler()["compiled"]:
            tell("out of bounds", 0, 1)
            inside = check_bounds(reports, options.seed, seconds, tell)
        inside = check_plugins(inside, options, seconds, tell)
    check_here(inside, options, tell)
    return reports
