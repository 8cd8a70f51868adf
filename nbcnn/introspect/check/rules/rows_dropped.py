"""The rule ``rows_dropped``: rows and columns of the image that no score depends on, since a size was rounded down."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import Change, change
from nbcnn.introspect.check.image_use import followed, needed
from nbcnn.introspect.check.rule import RULES, CheckRule, Found
from nbcnn.introspect.graph import IMAGE
from nbcnn.util.formatting import counted, times


@RULES.register()
class RowsDropped(CheckRule):
    """Windows that do not fit the image a whole number of times, and what of the image is lost by them."""

    title = "Rows or columns of the image are dropped"
    reason = (
        "Equation (2) rounds down: where windows do not fit a whole number of times, the last rows and columns are "
        "in none of them. That is harmless deep in a network, where neighbours have seen the same pixels. This rule "
        "follows each row back to the image, and speaks where one reaches no score at all; so it needs no "
        "threshold."
    )

    def look(self, net: Architecture) -> Iterator[Found]:
        if not followed(net):
            return
        lost, names = [0, 0], ("rows", "columns")
        for axis in (0, 1):
            rows = np.flatnonzero(needed(net, axis)[IMAGE])
            lost[axis] = net.size(IMAGE)[axis] - 1 - int(rows[-1]) if rows.size else 0
        dropping = [n for n in net.windows() if any(lost[axis] and _left_over(net, n, axis) for axis in (0, 1))]
        if not dropping:
            return
        at = dropping[-1]
        words = " and ".join(
            f"the last {lost[axis]} of the image's {net.size(IMAGE)[axis]} {names[axis]}"
            for axis in (0, 1)
            if lost[axis]
        )
        over = " and ".join(
            counted(_left_over(net, at, axis), names[axis][:-1]) for axis in (0, 1) if _left_over(net, at, axis)
        )
        sentence = (
            f"windows of {times(net.problem(at).kernel_size)} at stride {times(net.problem(at).stride)} leave {over}"
        )
        sentence += f" of {times(net.size(net.input(at)))} over; {words} reach no score"
        single = [(_mended(net, n),) for n in dropping]
        yield Found(net.layer(at), max(lost), sentence, (*reversed(single), tuple(_mended(net, n) for n in dropping)))


def _left_over(net: Architecture, number: int, axis: int) -> int:
    """Rows (columns) of the layer's input, not of its padding, that lie behind the last window."""
    problem, size = net.problem(number), net.size(net.input(number))[axis]
    last = (net.size(number)[axis] - 1) * problem.stride[axis] - problem.padding[2 * axis] + net.span(number, axis)
    return int(max(0, size - last))


def _mended(net: Architecture, number: int) -> Change:
    """Rounded up in pooling; more padding behind the image in a convolution."""
    layer, problem = net.layer(number), net.problem(number)
    if not net.is_weighted(number):
        return change(layer, ceil_mode=True)
    top, bottom, left, right = problem.padding
    more = [problem.stride[axis] if _left_over(net, number, axis) else 0 for axis in (0, 1)]
    over = [_left_over(net, number, axis) for axis in (0, 1)]
    behind = [(stride - left_over) if stride else 0 for stride, left_over in zip(more, over, strict=True)]
    sides = [top, max(bottom, bottom + behind[0]), left, max(right, right + behind[1])]
    return change(layer, padding=sides)
