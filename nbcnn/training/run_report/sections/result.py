"""The result: accuracy and loss of the best checkpoint, and how far the training got."""

from __future__ import annotations

from shlex import quote

from nbcnn.report.chance_level import no_better_than_guessing
from nbcnn.report.page import Html, element, paragraph
from nbcnn.training.final_test import times
from nbcnn.training.run_report.facts import RunFacts


def content(facts: RunFacts) -> list[Html]:
    """Tiles of figures, then what they are worth."""
    tiles = _tiles(facts)
    made = [element("div", *(_tile(*one) for one in tiles), class_="tiles")] if tiles else []
    return [*made, *(paragraph(sentence) for sentence in _sentences(facts))]


def _tile(figure: str, words: str) -> Html:
    return element("div", element("b", figure), element("span", words))


def _tiles(facts: RunFacts) -> list[tuple[str, str]]:
    found = []
    if facts.tested is not None:
        found.append((f"{facts.tested.accuracy:.2%}", f"of {facts.tested.images:,} test images right"))
        found.append((f"{facts.tested.loss:.4f}", "test loss"))
    if facts.records:
        epochs = f" of {facts.config.train.epochs:,}" if facts.config else ""
        found.append((f"{facts.records[-1]['epoch']:,}{epochs}", "epochs trained"))
        seconds = sum(record.get("seconds") or 0 for record in facts.records)
        found.append((duration(seconds), "of training"))
        speeds = [record.get("images_per_second") or 0 for record in facts.records]
        found.append((f"{max(speeds):,.0f}", "images a second, the fastest epoch"))
    if facts.network is not None:
        found.append((f"{facts.network.parameters.size:,}", "parameters"))
    return found


def _sentences(facts: RunFacts) -> list[str]:
    found, validated = [], any(record.get("val_accuracy") is not None for record in facts.records)
    if facts.has_weights:
        when = "" if facts.best is None else f", that of epoch {facts.best}"
        chosen = (
            f"validation images chose it{_looked(facts)}."
            if validated
            else "the test images chose it, so its accuracy on them is a little too high; data.validation: 0.1 "
            "would choose on images held out of the training."
        )
        found.append(f"The weights are those of the best checkpoint{when}: {chosen}")
    if facts.records and facts.config and facts.records[-1]["epoch"] < facts.config.train.epochs:
        early = facts.config.train.early_stopping is not None
        found.append(
            f"{facts.records[-1]['epoch']:,} of {facts.config.train.epochs:,} epochs are done: early stopping ended "
            "the training, or it was interrupted."
            if early
            else f"{facts.records[-1]['epoch']:,} of {facts.config.train.epochs:,} epochs are done: the training was "
            "interrupted. To go on, in the folder that holds this one: "
            f"nbcnn train --resume {quote(facts.name)}"
        )
    if facts.tested is not None and facts.data is not None:
        guess = no_better_than_guessing(facts.tested.accuracy, facts.data.test.labels, facts.data.classes)
        if guess:
            found.append(
                f"That is no better than guessing: to say {guess.name} each time is right in {guess.share:.1%}."
            )
    if not found and not facts.records:
        found.append("No epoch of this training has ended yet, so there is no result.")
    return found


def _looked(facts: RunFacts) -> str:
    """What the test accuracy of a checkpoint is worth that validation images chose."""
    if facts.looks is None:
        return ""
    if facts.looks == 1:
        return ", so its test accuracy is an honest one"
    return (
        f", but the test images were looked at {times(facts.looks)} in all, for the training went on after a look. "
        "Whoever decided that by the accuracy on them chose by the test images, and this accuracy is a little too high"
    )


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
