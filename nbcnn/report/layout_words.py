"""The sentences and the table of the layout lab, the same on the terminal and on the page."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from nbcnn.report.layout_result import LayoutLab

WIDTH = 100
CLEAR = 5.0
"""Points of accuracy that are a difference worth a word."""

LINES = {
    "transposed": "x.transpose(2, 0, 1)  moves the axes: channel c holds the colour c of every pixel",
    "reshaped": "x.reshape(C, H, W)    counts the same bytes anew: channel c holds rows c·H/3 to (c + 1)·H/3",
}
"""The line of Python that makes each layout, and what it does."""


def head(lab: LayoutLab) -> str:
    """What was trained on what."""
    colours = ", each in a colour of its own" if lab.tinted else ""
    passes = f"{lab.epochs} epoch{'s' * (lab.epochs > 1)}"
    black = f"{lab.margin} black pixels around"
    margin = "" if not lab.margin else f" and with {black} it" if colours else f", with {black} each"
    return f"{lab.name}, trained twice for {passes} on {lab.images:,} pictures of {lab.data}{colours}{margin}"


def rows(lab: LayoutLab) -> list[list[str]]:
    """A head, and a row for each layout: accuracies, and on shifted pictures what is left of them."""
    shifts = [f"moved {n}" for n in lab.shifts]
    made = [["layout", "training", "test", *shifts, *(f"same {n}" for n in lab.shifts)]]
    for run in lab.runs:
        shares = (run.train_accuracy, run.accuracy, *run.shifted, *run.kept)
        made.append([run.layout, *(f"{share:.1%}" for share in shares)])
    return made


def legend(lab: LayoutLab) -> str:
    """What the columns are."""
    cut = [n for n in lab.shifts if n > lab.margin]
    lost = f" Moved by more than {lab.margin}, a picture loses pixels at its edge, in both layouts." if cut else ""
    return (
        f"test: accuracy on {lab.test_images:,} test pictures. moved n: that after each picture was moved by n "
        "pixels, before it was laid out; mean of four directions. same n: how many predictions did not change then."
        + lost
    )


def lesson(lab: LayoutLab) -> str:
    """What the numbers of this run say."""
    right, wrong = lab.runs
    losses = [[run.accuracy - left for left in run.shifted] for run in lab.runs]
    n = max(range(len(lab.shifts)), key=lambda n: losses[1][n] - losses[0][n])
    lost = [100 * one[n] for one in losses]
    reached = f"the wrong layout reached {wrong.accuracy:.1%} where the right one has {right.accuracy:.1%}"
    far = f"{lab.shifts[n]} pixel{'s' * (lab.shifts[n] > 1)}"
    fall = f"moved by {far}, the wrong one {_falls(lost[1])} and the right one {_falls(lost[0])}"
    return f"no error was raised, and {reached}; {fall}: {_conclusion(lab, lost[1] - lost[0], lost[0])}"


def _falls(points: float) -> str:
    return f"{'loses' if points >= 0 else 'gains'} {abs(points):.1f} points"


def _conclusion(lab: LayoutLab, more: float, right: float) -> str:
    """What follows from accuracies, and from the points that the wrong layout loses ``more`` than the ``right`` one."""
    low = [run.layout for run in lab.runs if run.accuracy < lab.guess + CLEAR / 100]
    guess = f"guessing has {lab.guess:.1%}"
    if len(low) == 2:
        return f"neither has learned anything ({guess}), so the layouts can't be told apart; more --epochs may do it"
    if low == ["transposed"]:
        return (
            f"the right one has learned nothing yet ({guess}), so this says nothing of layouts; more --epochs may do it"
        )
    if low:
        return f"with the wrong one this network learned nothing ({guess}), so a shift has little to take away"
    if more < CLEAR:
        return (
            "that is no clear difference, so this network does not show the mistake by a shift; one that ends with "
            "global pooling does, as without MODEL"
        )
    if right > more:
        return (
            "the layout costs more, but the right one does not follow the shift either: a dense layer has other "
            "weights for each place; without MODEL the network has global pooling, and follows it"
        )
    return "accuracy alone did not tell of the mistake, the shift does" if _alike(lab) else "the shift tells of it"


def _alike(lab: LayoutLab) -> bool:
    right, wrong = lab.runs
    return wrong.accuracy > right.accuracy - CLEAR / 100


def why(lab: LayoutLab) -> str:
    """Why a shift does that."""
    height = lab.picture.shape[0]
    return (
        "A picture moved down by one row is moved by 3 rows in the wrong layout, and what leaves a channel at its end "
        f"comes into the next one at its beginning, about every {height / 3:.0f} rows of the picture, where other "
        "weights wait for it. Moved to the right by one column, it is moved by 3, and out of a row at its end into the "
        "next row. A convolution shares its weights over the places of a channel, so it can follow neither."
    )


def lines(lab: LayoutLab) -> Iterator[str]:
    """All lines of the terminal."""
    yield from wrap(head(lab), WIDTH, break_on_hyphens=False)
    for line in LINES.values():
        yield f"  {line}"
    yield ""
    table = rows(lab)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        yield "  " + "  ".join([row[0].ljust(widths[0]), *cells])
    yield ""
    for text in (legend(lab), lesson(lab), why(lab)):
        yield from wrap(text, WIDTH, break_on_hyphens=False)
