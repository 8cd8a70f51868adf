"""``nbcnn.write_report``: makes report.html of a run folder anew."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import NamedTuple

from nbcnn.errors import ConfigError, shown
from nbcnn.plugins import blamed
from nbcnn.report.page import write_page
from nbcnn.training.loading import trained
from nbcnn.training.run_report.page import ABSENT, report_page
from nbcnn.training.run_report.reading import read_facts
from nbcnn.util.html_table import table
from nbcnn.util.user_folders import expanded


class RunReport(NamedTuple):
    """The ``file`` that was written, and what it lacks: a sentence by the part's name."""

    file: Path
    missing: dict[str, str]

    def _repr_html_(self) -> str:
        """In a notebook: where it is, and what it lacks."""
        return table(("missing", "why"), list(self.missing.items()), f"report {self.file}")


@blamed()
def write_report(run: str | PathLike[str], out: str | Path | None = None) -> RunReport:
    """Write the report of a run folder, by default into it as report.html; nothing is trained, nothing else is written.

    What can't be read or computed any more is named in the report with its reason. Raises CheckpointError where there
    is no run, or the file can't be written, ConfigError for a file that is no .html.
    """
    found = trained(run)
    file = found.report if out is None else expanded(out)
    if file.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"{shown(file)}: a report is a page; give it a name that ends in .html")
    facts = read_facts(found)
    write_page(file, report_page(facts))
    return RunReport(file, {ABSENT.get(part, part): reason for part, reason in facts.missing.items()})
