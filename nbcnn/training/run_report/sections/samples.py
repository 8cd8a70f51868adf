"""Test images that were guessed wrong, the surest guesses first."""

from __future__ import annotations

from nbcnn.report.image_choice import evenly
from nbcnn.report.page import Html, element, paragraph
from nbcnn.report.small_pictures import image, in_rows, with_words
from nbcnn.training.pictures import viewable
from nbcnn.training.run_report.facts import RunFacts

SHOWN = 24


def content(facts: RunFacts) -> list[Html]:
    """At most SHOWN, of each class as many as of any other, each with its guess, how sure that was, and the truth."""
    tested, sure, data = facts.tested, facts.confidences, facts.data
    if tested is None or sure is None or data is None:
        return facts.lacking("test", "images", "weights", "network", "config")
    wrong = sorted((n for n in range(tested.images) if tested.labels[n] != tested.guesses[n]), key=lambda n: -sure[n])
    if not wrong:
        return [paragraph("Every test image was guessed right.")]
    chosen = sorted((wrong[k] for k in evenly([int(tested.labels[n]) for n in wrong], SHOWN)), key=wrong.index)
    cards = []
    for n, pixels in zip(chosen, viewable(data.test.images[chosen]), strict=True):
        guess, truth = _name(facts, int(tested.guesses[n])), tested.classes[int(tested.labels[n])]
        picture = image(pixels, f"test image {n}, {truth}, taken for {guess}")
        lines = (element("b", f"{guess} {sure[n]:.0%}"), f"true: {truth}", f"test image {n}")
        cards.append(with_words(picture, *lines))
    words = f"{len(chosen)} of {len(wrong):,} wrong guesses" if len(chosen) < len(wrong) else f"All {len(wrong)}"
    return [paragraph(f"{words}, the surest first; the number is the guess's probability."), in_rows(cards)]


def _name(facts: RunFacts, output: int) -> str:
    classes = facts.tested.classes if facts.tested else ()
    return classes[output] if output < len(classes) else str(output)
