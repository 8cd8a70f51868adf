"""Where the documentation explains what is on the page."""

from __future__ import annotations

from nbcnn.report.page import Html, element, paragraph
from nbcnn.training.run_report.facts import RunFacts

PAGES = (
    ("docs/doctor.md", "what is measured in a training, and how often the findings are right"),
    ("docs/check.md", "advice on architectures: nbcnn check config.yaml"),
    ("docs/math.md", "the equations, that of the receptive field among them"),
    ("docs/choosing.md", "backends, their predicted and their measured times"),
    ("docs/performance.md", "where a step's time goes"),
    ("docs/explain-conv.md", "one number of a convolution: nbcnn explain conv"),
    ("docs/reliability.md", "when two trainings have the same bits"),
    ("docs/cli.md", "every command; nbcnn inspect looks further into this network"),
)


def content(facts: RunFacts) -> list[Html]:
    """The pages, in nbcnn's source."""
    lines = (element("li", element("code", name), f" – {words}") for name, words in PAGES)
    return [paragraph("In nbcnn's documentation:"), element("ul", *lines)]
