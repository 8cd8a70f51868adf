"""The doctor's findings, each with its remedy."""

from __future__ import annotations

from nbcnn.report.page import Html, code, element, paragraph
from nbcnn.training.run_report.facts import RunFacts


def content(facts: RunFacts) -> list[Html]:
    """A box for each finding; a sentence where there are none."""
    if (found := facts.diagnosis) is None:
        return facts.lacking("doctor", "network", "config")
    made = [paragraph(f"Not looked at: {facts.without_folder(sentence)}.") for sentence in found.missing]
    for one in found.findings:
        place = [paragraph(element("code", facts.without_folder(one.where)))] if one.where else []
        change = [code(f"nbcnn train config.yaml {one.options}")] if one.sets else []
        texts = [paragraph(element("b", name), f": {text}.") for name, text in _parts(one.statistic, one.cause)]
        remedy = paragraph(element("b", "Remedy"), f": {one.remedy}.")
        title = one.rule.replace("_", " ").capitalize()
        made.append(element("div", element("h3", title), *place, *texts, remedy, *change, class_="finding"))
    if not found.findings:
        made.append(
            paragraph(element("span", "Nothing is wrong with it, as far as the rules can tell.", class_="good"))
        )
    return made


def _parts(statistic: str, cause: str) -> tuple[tuple[str, str], ...]:
    return (("Seen", statistic), ("Cause", cause))
