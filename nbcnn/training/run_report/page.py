"""The HTML page of a report: its sections in order; one that fails leaves the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from nbcnn.errors import printable
from nbcnn.report import page as html
from nbcnn.training.run_report.facts import RunFacts
from nbcnn.training.run_report.sections import (
    backends,
    confusion,
    cost,
    curves,
    features,
    fields,
    filters,
    findings,
    layers,
    reading_on,
    reproduce,
    result,
    samples,
)


class Section(NamedTuple):
    """``make`` gives the content below the title; ``anchor`` is what the list of contents leads to."""

    anchor: str
    title: str
    make: Callable[[RunFacts], list[html.Html]]


SECTIONS = (
    Section("result", "Result", result.content),
    Section("findings", "Findings", findings.content),
    Section("curves", "Curves", curves.content),
    Section("confusion", "Confusion", confusion.content),
    Section("samples", "Wrong guesses", samples.content),
    Section("network", "Network", layers.content),
    Section("fields", "Receptive fields", fields.content),
    Section("filters", "Filters of the first layer", filters.content),
    Section("features", "Feature maps", features.content),
    Section("backends", "Backends, and why", backends.content),
    Section("cost", "Cost, predicted and measured", cost.content),
    Section("reproduce", "How to make it again", reproduce.content),
    Section("reading", "To read on", reading_on.content),
)

ABSENT = {
    "config": "config.yaml",
    "info": "run.json",
    "metrics": "metrics",
    "network": "the network",
    "images": "images",
    "digest": "the same images",
    "doctor": "findings",
    "weights": "the best checkpoint",
    "test": "the evaluation",
    "looks": "how often the test images were looked at",
    "maps": "feature maps",
    "times": "times of the layers",
    "timed": "times that the training measured",
    "peak": "predicted times",
}
"""What the parts of ``RunFacts.missing`` are called."""


def report_page(facts: RunFacts) -> str:
    """The text of report.html."""
    made = [_made(section, facts) for section in SECTIONS]
    links = (html.element("li", html.element("a", s.title, href=f"#{s.anchor}")) for s in SECTIONS)
    contents = html.element("nav", html.element("ul", *links), aria_label="Contents")
    name = facts.config.name if facts.config else str(facts.info.get("name", "a network"))
    version = facts.info.get("nbcnn")
    by = f", trained with nbcnn {version}" if isinstance(version, str) else ""
    return html.page(
        f"{name}: run {facts.name}",
        contents,
        *_absent(facts),
        *made,
        subtitle=f"Report of a training in the folder {facts.name}{by}",
    )


def _made(section: Section, facts: RunFacts) -> html.Html:
    """A section; of one that can't be made, why."""
    try:
        content = section.make(facts)
    except Exception as error:  # whatever it is, the other sections are worth having
        reason = "not enough memory" if isinstance(error, MemoryError) else f"{type(error).__name__}: {error}"
        facts.missing[section.anchor] = reason
        content = [html.paragraph(f"This could not be made: {' '.join(printable(reason).split())}.")]
    return html.section(section.title, *content, id=section.anchor)


def _absent(facts: RunFacts) -> list[html.Html]:
    """What the report lacks, and why."""
    if not facts.missing:
        return []
    rows = [
        html.element("li", html.element("b", ABSENT.get(part, part)), f": {reason}")
        for part, reason in facts.missing.items()
    ]
    return [html.section("What this report lacks", html.element("ul", *rows), id="lacks")]
