"""Which classes are taken for which."""

from __future__ import annotations

from nbcnn.report.page import Html, element, paragraph, table
from nbcnn.report.share_table import MOST, share_table
from nbcnn.training.run_report.facts import RunFacts

LISTED = 8
"""Pairs of classes that are named."""


def content(facts: RunFacts) -> list[Html]:
    """The matrix where it has room, and the pairs that are confused most."""
    if (tested := facts.tested) is None:
        return facts.lacking("test", "images", "weights", "network", "config")
    matrix, columns = tested.confusion, tested.columns
    made = []
    if len(tested.classes) <= MOST:
        made.append(share_table(matrix, tested.classes, columns))
        made.append(paragraph(element("span", "A row is a true class, a column a guess.", class_="faint")))
    else:
        made.append(paragraph(f"A matrix of {len(tested.classes):,} classes has no room here; confusion.png has it."))
    wrong = [
        (int(count), row, guess)
        for row, counts in enumerate(matrix.tolist())
        for guess, count in enumerate(counts)
        if count and guess != row
    ]
    wrong.sort(key=lambda one: (-one[0], one[1], one[2]))
    if not wrong:
        return [*made, paragraph("Every test image was guessed right.")]
    whole = matrix.sum(axis=1).tolist()
    rows = [
        (tested.classes[row], columns[guess], f"{count:,}", f"{count / whole[row]:.1%}")
        for count, row, guess in wrong[:LISTED]
    ]
    head = ("true class", "taken for", "images", "of the class")
    return [*made, element("h3", "Confused most often"), table(head, rows, numbers=2)]
