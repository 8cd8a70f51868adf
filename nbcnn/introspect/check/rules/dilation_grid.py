"""The rule ``dilation_grid``: pixels that dilated windows step over."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.check.edits import Change, change
from nbcnn.introspect.check.image_use import followed, seen_from_centre
from nbcnn.introspect.check.rule import RULES, CheckRule, Found
from nbcnn.introspect.check.words import percent
from nbcnn.util.formatting import times


@RULES.register()
class DilationGrid(CheckRule):
    """Of the receptive field in the middle of the last image, the share of pixels that it depends on."""

    title = "Dilated windows leave a grid of unseen pixels"
    reason = (
        "Dilation d looks at every d-th pixel. Behind windows that have seen the pixels between, nothing is lost; "
        "where the dilations of a stack have a common divisor, whole rows of the field are in no sum (Wang et al. "
        "2018, arXiv 1702.08502, call it gridding). One window without dilation, or dilations such as 1, 2, 5, fill "
        "it. The rule follows the rows that a feature depends on back to the image; any gap counts, so there is no "
        "threshold."
    )

    def look(self, net: Architecture) -> Iterator[Found]:
        dilated = [n for n in net.windows() if max(getattr(net.problem(n), "dilation", (1, 1))) > 1]
        images = [n for n in net if len(net.shape(n)) == 3 and not net.is_global(n) and net.size(n) != (1, 1)]
        if not dilated or not images or not followed(net):
            return
        seen = [np.flatnonzero(seen_from_centre(net, images[-1], axis)) for axis in (0, 1)]
        if not all(rows.size for rows in seen):
            return
        field = [int(rows[-1] - rows[0]) + 1 for rows in seen]
        share = seen[0].size * seen[1].size / (field[0] * field[1])
        if share == 1:
            return
        sentence = (
            f"with dilation {times(net.problem(dilated[-1]).dilation)}, a feature in the middle depends on "
            f"{seen[0].size * seen[1].size} of the {times(field)} pixels of its field, {percent(share)}, in a grid"
        )
        remedies = [(_dense(net, number),) for number in dilated]
        yield Found(net.layer(dilated[-1]), share, sentence, (*remedies, tuple(_dense(net, n) for n in dilated)))


def _dense(net: Architecture, number: int) -> Change:
    """The window without dilation, with as many outputs where it had as many as inputs."""
    layer, same = net.layer(number), net.size(number) == net.size(net.input(number))
    if net.is_weighted(number):
        return change(layer, dilation=1, padding="same" if same else 0)
    return change(layer, dilation=1, padding=[k // 2 for k in net.problem(number).kernel_size] if same else 0)
